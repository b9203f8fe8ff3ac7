/** Drives examples/payments-steps: killed while a charge is made, started again, one charge. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { randomBy, seedOfRun } from '../../tools/faults/seed.ts';
import { killAtSteps } from '../../tools/faults/steps.ts';
import { waitUntil } from '../../tools/servers/wait-until.ts';
import { startExample, type Program } from '../support/program.ts';
import { root, scratch } from '../support/scratch.ts';

const folder = scratch();
const effects: string[] = [];
const requests: string[] = [];
const made = new Map<string, string>();
/** Called after an effect was made and before it is told. */
let beforeTold: (path: string) => Promise<void> = () => Promise.resolve();
let services: Server;

beforeAll(async () => {
  services = createServer((request, response) => {
    const path = request.url ?? '';
    const key = String(request.headers['idempotency-key']);
    requests.push(path);
    if (!made.has(key)) {
      effects.push(path);
      made.set(key, `${path.slice(1)}_${effects.length}`);
    }
    request.resume();
    beforeTold(path).then(
      () => response.end(JSON.stringify({ id: made.get(key) })),
      (error: Error) => response.destroy(error),
    );
  }).listen(0, '127.0.0.1');
  await once(services, 'listening');
});
afterAll(() => {
  services.close();
  services.closeAllConnections();
});

function start(): Promise<Program> {
  const url = `http://127.0.0.1:${(services.address() as AddressInfo).port}`;
  return startExample('payments-steps/server.js', { SERVICES: url, PORT: '0', LEASE_MS: '800' }, folder);
}

function order({ said }: Program): Promise<Response> {
  const headers = { Authorization: 'acme', 'Idempotency-Key': 'order-17', 'Content-Type': 'application/json' };
  return fetch(`${said['url']}/orders`, { method: 'POST', headers, body: '{"amount":4200}' });
}

test('killed while the charge is made: the repeat goes on, and everything happened once', async () => {
  const first = await start();
  const killed = new Promise<void>((resolve, reject) => {
    beforeTold = async (path) => {
      if (path === '/charges') await first.kill().then(resolve, reject);
    };
  });
  await expect(order(first)).rejects.toThrow('fetch failed');
  await killed;
  beforeTold = () => Promise.resolve();

  const second = await start();
  let answer = await order(second);
  await waitUntil('the lease of the killed one is over', async () => {
    if (answer.status === 409) answer = await order(second);
    return answer.status !== 409;
  });
  expect(answer.status).toBe(201);
  const body = await answer.text();
  expect(JSON.parse(body)).toEqual({ reserved: 'stock_1', charged: 'charges_2', mailed: 'mails_3', attempt: 2 });
  expect(effects).toEqual(['/stock', '/charges', '/mails']);
  expect(requests).toEqual(['/stock', '/charges', '/charges', '/mails']);

  const repeat = await order(second);
  expect([repeat.status, repeat.headers.get('Idempotent-Replayed'), await repeat.text()]).toEqual([201, 'true', body]);
  expect(requests).toHaveLength(4);
});

test('killed at each boundary of its steps: everything happened once', { timeout: 120_000 }, async () => {
  const tally = await killAtSteps(root, { kills: 6, random: randomBy(seedOfRun()) });
  expect(tally.violations).toEqual([]);
  expect(tally.runs).toBe(6);
});
