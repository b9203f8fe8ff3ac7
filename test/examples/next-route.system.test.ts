/** Calls the handler of examples/next-route as Next.js does: a web Request in, a Response out, over a real socket. */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { once } from 'node:events';
import { serve } from '@hono/node-server';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { root, scratch } from '../support/scratch.ts';

interface Route {
  POST(request: Request): Promise<Response>;
}

const folder = scratch();
let server: Server;
let url: string;

beforeAll(async () => {
  process.env['DATABASE'] = join(folder, 'charges.db');
  const route = (await import(join(root, 'examples/next-route/app/charges/route.js'))) as Route;
  server = serve({ fetch: (request) => route.POST(request), port: 0, hostname: '127.0.0.1' }) as Server;
  if (!server.listening) await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/charges`;
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});

function charge(headers: Record<string, string>, body = '{"amount":42}'): Promise<Response> {
  return fetch(url, { method: 'POST', headers: { authorization: 'acme', ...headers }, body });
}

test('a charge is made once for its key', async () => {
  const key = { 'idempotency-key': 'order-17' };
  const answers = await Promise.all([charge(key), charge(key), charge(key)]);
  const made = answers.filter(({ status }) => status === 201);
  expect(answers.every(({ status }) => status === 201 || status === 409)).toBe(true);
  const first = await made[0]?.text();
  const repeat = await charge(key);
  expect([repeat.status, repeat.headers.get('Idempotent-Replayed'), await repeat.text()]).toEqual([201, 'true', first]);
  expect((await charge(key, '{"amount":43}')).status).toBe(422);
  expect((await charge({})).status).toBe(400);
});
