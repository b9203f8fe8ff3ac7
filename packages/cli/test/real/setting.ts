/**
 * What a real-input test stands on: a temporary folder with one SQLite file, gateways over
 * it and anything else that has to be closed; all of it is gone after the test.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startGateway, type GatewayProcess } from '../../src/demo/gateway-process.ts';

/** Opened in beforeEach, closed in afterEach. */
export interface Setting {
  /** One more gateway on this setting's SQLite file. */
  gateway(upstream: string, ...flags: readonly string[]): Promise<GatewayProcess>;
  /** Hands something over to be closed with the setting, and answers it. */
  keep<T extends { close(): Promise<void> }>(resource: T): T;
  close(): Promise<void>;
}

/** An empty setting. */
export function openSetting(): Setting {
  const folder = mkdtempSync(join(tmpdir(), 'oncekey-real-'));
  const ends = new AbortController();
  const kept: { close(): Promise<void> }[] = [];
  return {
    async gateway(upstream, ...flags) {
      const store = `sqlite:${join(folder, 'oncekey.db')}`;
      const gateway = await startGateway(['--upstream', upstream, '--store', store, ...flags], ends.signal);
      kept.push({ close: () => gateway.kill() });
      return gateway;
    },
    keep(resource) {
      kept.push(resource);
      return resource;
    },
    async close() {
      ends.abort();
      for (const resource of kept.toReversed()) await resource.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
