/**
 * The faults measured in today's libraries, one test each: what they do wrong is done
 * right here. docs/concepts/compare.md names these tests.
 */
import express from 'express';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { createOnce } from '../../src/index.ts';
import { idempotency } from '../../src/http/express.ts';
import { memory } from '../../src/stores/memory.ts';
import { sqlite } from '../../src/stores/sqlite.ts';
import { virtualClock } from '../../src/testing/index.ts';
import { gate, send, serve, type Sent } from '../http/rig.ts';

const hourMs = 3_600_000;
const call = { scope: ['acme'], operation: 'order.send', key: 'order-17', input: { amount: 4200 } };
const acme: [string, string][] = [['Authorization', 'acme']];
const order: Sent = { path: '/orders', key: 'k', headers: acme, body: '{"n":1}' };

function file(): string {
  const folder = mkdtempSync(join(tmpdir(), 'oncekey-compare-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'once.db');
}

/** An app whose one route does `work`; answers its port and how often it ran. */
async function app(work: express.RequestHandler): Promise<{ port: number; runs: () => number }> {
  let runs = 0;
  const protect = idempotency({ store: memory(), scope: (request) => request.headers.authorization });
  const server = express().use(protect, (request, response, next) => {
    runs += 1;
    return work(request, response, next);
  });
  return { port: await serve(server as never), runs: () => runs };
}

test('a slow owner who was replaced cannot overwrite the outcome of the new one', async () => {
  const store = sqlite(file());
  onTestFinished(async () => store.close());
  const once = createOnce({ store });
  const slow = await once.claim({ ...call, expiresInMs: 30 });
  let fresh = await once.claim({ ...call, expiresInMs: hourMs });
  const deadlineMs = performance.now() + 5000;
  while (fresh.outcome !== 'granted' && performance.now() < deadlineMs) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    fresh = await once.claim({ ...call, expiresInMs: hourMs });
  }
  if (slow.outcome !== 'granted' || fresh.outcome !== 'granted') throw new Error('not granted');
  await fresh.complete('the new owner');
  await expect(slow.complete('the slow owner')).rejects.toMatchObject({ code: 'lease_lost' });
  expect((await once.run(call, () => 'nobody')).value).toBe('the new owner');
});

test('a store that does not answer costs a 503 and no more', async () => {
  const plain = memory();
  const store = { ...plain, claim: () => new Promise<never>(() => undefined) };
  let runs = 0;
  const protect = idempotency({ store, scope: 'public', storeTimeoutMs: 50 });
  const server = express().use(protect, (_, response) => void response.send(String((runs += 1))));
  const reply = await send(await serve(server as never), order);
  expect([reply.status, reply.header('retry-after'), runs]).toEqual([503, '1', 0]);
});

test('another tenant with the same key gets its own answer', async () => {
  const { port, runs } = await app((request, response) => {
    response.send(`for ${request.headers.authorization}`);
  });
  const other = { ...order, headers: [['Authorization', 'other']] as [string, string][] };
  expect((await send(port, order)).body.toString()).toBe('for acme');
  expect((await send(port, other)).body.toString()).toBe('for other');
  expect(runs()).toBe(2);
});

test.for<[string, express.RequestHandler]>([
  ['binary', (_, response) => void response.end(Buffer.from(Array.from({ length: 256 }, (__, byte) => byte)))],
  ['204', (_, response) => void response.status(204).end()],
  ['streamed', (_, response) => void (response.write('one '), setImmediate(() => response.end('two')))],
  ['sent from a file', (_, response) => response.sendFile(fileURLToPath(import.meta.url))],
  ['of res.end', (_, response) => void response.writeHead(201, { 'Content-Type': 'text/plain' }).end('made')],
])('an answer that is %s is replayed byte for byte', async ([, work]) => {
  const { port, runs } = await app(work);
  const first = await send(port, order);
  const again = await send(port, order);
  expect([again.status, again.whole, again.header('idempotent-replayed')]).toEqual([first.status, true, 'true']);
  expect(again.body.equals(first.body)).toBe(true);
  expect(runs()).toBe(1);
});

test('header lines of one name are replayed as the lines they were', async () => {
  const { port } = await app((_, response) => {
    response.setHeader('Link', ['</a>; rel="next"', '</b>; rel="prev"']);
    response.send('ok');
  });
  const first = await send(port, order);
  const again = await send(port, order);
  expect(first.all('link')).toEqual(['</a>; rel="next"', '</b>; rel="prev"']);
  expect(again.all('link')).toEqual(first.all('link'));
});

test('a quoted key and a bare one are one key', async () => {
  const { port, runs } = await app((_, response) => void response.send('ok'));
  await send(port, { ...order, key: '"k"' });
  expect((await send(port, { ...order, key: 'k' })).header('idempotent-replayed')).toBe('true');
  expect(runs()).toBe(1);
});

test('a refused reuse of a key leaves the first answer as it was', async () => {
  const { port, runs } = await app((_, response) => void response.status(201).send('made'));
  await send(port, order);
  expect((await send(port, { ...order, body: '{"n":2}' })).status).toBe(422);
  const again = await send(port, order);
  expect([again.status, again.body.toString()]).toEqual([201, 'made']);
  expect(runs()).toBe(1);
});

test('two keys with the same body do not meet', async () => {
  const { opened, open } = gate();
  const { port, runs } = await app(async (request, response) => {
    if (request.headers['idempotency-key'] === 'one') await opened;
    response.send('ok');
  });
  const held = send(port, { ...order, key: 'one' });
  expect((await send(port, { ...order, key: 'two' })).status).toBe(200);
  open();
  expect((await held).status).toBe(200);
  expect(runs()).toBe(2);
});

test('a duplicate neither shortens nor lengthens how long an outcome answers', async () => {
  const clock = virtualClock();
  const once = createOnce({ store: memory({ clock }), clock, retentionMs: hourMs });
  await once.run(call, () => 'first');
  await clock.advance(0.9 * hourMs);
  expect((await once.run(call, () => 'second')).value).toBe('first');
  await expect(once.run({ ...call, input: 'other' }, () => 'x')).rejects.toMatchObject({ code: 'key_reused' });
  expect((await once.run(call, () => 'second')).value).toBe('first');
  await clock.advance(0.2 * hourMs);
  expect((await once.run(call, () => 'second')).value).toBe('second');
});

test('the memory store lets go of what has expired, and has an upper bound', async () => {
  const clock = virtualClock();
  const store = memory({ clock, maxRecords: 100 });
  const once = createOnce({ store, clock, retentionMs: hourMs });
  for (let number = 0; number < 1000; number += 1) await once.run({ ...call, key: `k${number}` }, () => number);
  const kept = (await once.list({ limit: 1000 })).records.length;
  expect(kept).toBeLessThanOrEqual(100);
  await clock.advance(2 * hourMs);
  expect((await once.list({ limit: 1000 })).records).toEqual([]);
});
