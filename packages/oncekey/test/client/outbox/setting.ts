/**
 * The whole setting of the browser's tests: a ledger that knows nothing of keys, the real
 * gateway in front of it, and before that a front which serves the page and can lose replies.
 */
import { createServer } from 'node:http';
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startGateway } from '../../../../cli/test/support/program.ts';
import { startServer, type Act, type Came } from '../server.ts';
import { bundleClient } from './chromium.ts';

/** An effect. */
export interface Effect {
  readonly id: number;
  readonly path: string;
  readonly body: string;
}

/** What the tests need of it. */
export interface Setting {
  readonly url: string;
  /** Every effect, in order. */
  readonly effects: Effect[];
  /** Keyed requests that reached the front. */
  readonly came: Came[];
  /** What becomes of keyed request number `index`: its reply is lost, it hangs, it is cut, or nothing. */
  trouble: (index: number) => 'lost' | 'hang' | 'cut' | undefined;
  close(): Promise<void>;
}

const page =
  '<!doctype html><meta charset="utf-8"><title>outbox</title><script type="module" src="/bundle.js"></script>';
const passedOn = ['content-type', 'x-tenant', 'idempotency-key'];

/** Starts all of it on free ports. */
export async function startSetting(entryCode: string, workerCode: string): Promise<Setting> {
  const folder = mkdtempSync(join(tmpdir(), 'oncekey-browser-'));
  const effects: Effect[] = [];
  const ledger = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const json = { 'content-type': 'application/json' };
      const path = request.url ?? '';
      if (path === '/moved') return response.writeHead(307, { location: 'http://elsewhere.invalid/' }).end();
      if (path === '/refuse') return response.writeHead(422, json).end('{"error":"sold out"}');
      const effect = { id: effects.length + 1, path, body: Buffer.concat(chunks).toString() };
      effects.push(effect);
      return response.writeHead(201, json).end(JSON.stringify({ id: effect.id }));
    });
  });
  await new Promise<void>((resolve) => {
    ledger.listen(0, '127.0.0.1', resolve);
  });
  const upstream = `http://127.0.0.1:${(ledger.address() as AddressInfo).port}`;
  const store = `sqlite:${join(folder, 'keys.db')}`;
  const gateway = await startGateway([
    '--upstream',
    upstream,
    '--store',
    store,
    '--scope-header',
    'x-tenant',
    '--echo-key',
  ]);
  const [bundle, worker] = [await bundleClient(entryCode), await bundleClient(workerCode)];
  const files: Readonly<Record<string, Act>> = {
    '/': { headers: { 'content-type': 'text/html' }, body: page },
    '/bundle.js': { headers: { 'content-type': 'text/javascript' }, body: bundle },
    '/worker.js': { headers: { 'content-type': 'text/javascript' }, body: worker },
    '/favicon.ico': { status: 204 },
  };
  const came: Came[] = [];
  const front = await startServer(async (request) => {
    const file = request.method === 'GET' ? files[request.url] : undefined;
    if (file !== undefined) return file;
    const what = setting.trouble(came.push(request) - 1);
    if (what === 'cut' || what === 'hang') return what;
    const answer = await passOn(gateway.url, request);
    return what === 'lost' ? 'cut' : answer;
  });
  const setting: Setting = {
    url: front.url,
    effects,
    came,
    trouble: () => undefined,
    async close() {
      await front.close();
      await gateway.kill();
      ledger.closeAllConnections();
      ledger.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return setting;
}

async function passOn(gatewayUrl: string, { url, headers, body }: Came): Promise<Act> {
  const kept = passedOn.flatMap((name) => (typeof headers[name] === 'string' ? [[name, headers[name]] as const] : []));
  const sent = { method: 'POST', headers: Object.fromEntries(kept), body: Buffer.from(body, 'latin1') };
  const answer = await fetch(gatewayUrl + url, { ...sent, redirect: 'manual' });
  return { status: answer.status, headers: Object.fromEntries(answer.headers), body: await answer.text() };
}
