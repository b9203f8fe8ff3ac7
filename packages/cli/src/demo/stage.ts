/**
 * Everything the demo stands on: the payments API, the links before and behind the
 * gateways, the gateway processes and their file in a temporary folder. Whatever was
 * started here is gone, with the folder, once `close` has resolved.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startGateway, type GatewayProcess } from './gateway-process.ts';
import { startLink, type Link } from './link.ts';
import { startPaymentsApi, type PaymentsApi } from './payments-api.ts';
import { createTill, type Till } from './till.ts';

/** The set-up the acts play on. */
export interface Stage {
  readonly api: PaymentsApi;
  readonly till: Till;
  /** Two processes on one SQLite file. */
  readonly gateways: readonly [GatewayProcess, GatewayProcess];
  /** The network between the till and the first gateway. */
  readonly nearLink: Link;
  /** The network between all gateways and the API. */
  readonly farLink: Link;
  /** How long a silent gateway keeps its claims. */
  readonly leaseMs: number;
  /** One more gateway on the same file. */
  addGateway(...flags: readonly string[]): Promise<GatewayProcess>;
  close(): Promise<void>;
}

/** Short, so that a crash can be watched to its end. */
const leaseMs = 3000;
const workMs = 300;

/** Builds it all; `ends` kills every process it has started, also while it is still being built. */
export async function openStage(ends: AbortSignal): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'oncekey-demo-'));
  const closers: (() => Promise<void>)[] = [() => rm(folder, { recursive: true, force: true })];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    const api = await startPaymentsApi(workMs);
    closers.push(() => api.close());
    const farLink = await startLink(api.port);
    closers.push(() => farLink.close());
    const addGateway = async (...flags: readonly string[]): Promise<GatewayProcess> => {
      const store = `sqlite:${join(folder, 'oncekey.db')}`;
      const common = ['--upstream', farLink.url, '--store', store, '--lease-ms', String(leaseMs)];
      const gateway = await startGateway([...common, ...flags], ends);
      closers.push(() => gateway.stop());
      return gateway;
    };
    // The first one makes the file's tables; the second must find them.
    const gateways = [await addGateway(), await addGateway()] as const;
    const nearLink = await startLink(gateways[0].port);
    closers.push(() => nearLink.close());
    return { api, till: createTill(), gateways, nearLink, farLink, leaseMs, addGateway, close };
  } catch (error) {
    await close();
    throw error;
  }
}
