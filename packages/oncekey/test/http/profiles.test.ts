/**
 * The cells of SEMANTICS section 3 that HTTP decides, profile by profile.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { idempotency } from '../../src/http/node.ts';
import type { ProtocolOptions } from '../../src/http/options.ts';
import { profiles, type ProfileName } from '../../src/http/profiles.ts';
import { memory } from '../../src/stores/memory.ts';
import { gate, send, serve, type Reply } from './rig.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => unknown;

async function start(name: ProfileName, handler: Handler, options: ProtocolOptions = {}) {
  let runs = 0;
  const scope = (request: IncomingMessage) => request.headers.authorization;
  const entry = idempotency({ store: memory(), scope, ...profiles[name], ...options });
  const port = await serve(
    entry((request, response) => {
      runs++;
      return handler(request, response);
    }) as () => void,
  );
  const ask = (sent: Parameters<typeof send>[1] = {}, who = 'a'): Promise<Reply> =>
    send(port, { key: 'k', ...sent, headers: [['Authorization', who], ...(sent.headers ?? [])] });
  return { port, ask, runs: () => runs };
}

const status =
  (code: number): Handler =>
  (_, response) => {
    response.statusCode = code;
    response.end(String(code));
  };
const made = status(201);
const bodyOf = (reply: Reply): unknown => JSON.parse(reply.body.toString());

async function runsTwice(name: ProfileName, code: number): Promise<boolean> {
  const { ask, runs } = await start(name, status(code));
  await ask();
  await ask();
  return runs() === 2;
}

async function released(name: ProfileName, codes: readonly number[]): Promise<number[]> {
  const again: number[] = [];
  for (const code of codes) if (await runsTwice(name, code)) again.push(code);
  return again;
}

async function inFlight(name: ProfileName): Promise<Reply> {
  const { opened, open } = gate();
  const entered = gate();
  const { ask } = await start(name, async (_, response) => {
    entered.open();
    await opened;
    response.end();
  });
  const first = ask();
  await entered.opened;
  const second = await ask();
  open();
  await first;
  return second;
}

const codes = [400, 401, 402, 403, 404, 407, 409, 422, 423, 429, 500, 502, 503];
const methods = ['POST', 'PUT', 'PATCH', 'DELETE'];

async function protectedMethods(name: ProfileName): Promise<string[]> {
  const found: string[] = [];
  for (const method of methods) {
    const { ask, runs } = await start(name, made);
    await ask({ method });
    await ask({ method });
    if (runs() === 1) found.push(method);
  }
  return found;
}

describe('stripe', () => {
  it('protects POST only', async () => expect(await protectedMethods('stripe')).toEqual(['POST']));
  it('keeps all that begun work answers, but refused credentials and quota', async () =>
    expect(await released('stripe', codes)).toEqual([401, 429]));
  it('takes the key as it came', async () => {
    const { ask, runs } = await start('stripe', made);
    await ask({ key: 'a b' });
    await ask({ key: '"a b"' });
    expect((await ask({ key: 'x'.repeat(256) })).status).toBe(400);
    expect(runs()).toBe(2);
  });
  it('refuses in its own shape', async () => {
    const { ask } = await start('stripe', made);
    await ask({ body: 'a' });
    const other = await ask({ body: 'b' });
    expect(other.status).toBe(400);
    expect(bodyOf(other)).toMatchObject({ error: { type: 'idempotency_error', code: 'idempotency_key_reused' } });
    const second = await inFlight('stripe');
    expect(second.status).toBe(409);
    expect(bodyOf(second)).toMatchObject({ error: { type: 'idempotency_error', code: 'idempotency_key_in_use' } });
  });
  it('marks replays', async () => {
    const { ask } = await start('stripe', made);
    await ask();
    expect((await ask()).header('idempotent-replayed')).toBe('true');
  });
});

describe('offline-pos', () => {
  it('protects the writing methods', async () => expect(await protectedMethods('offline-pos')).toEqual(methods));
  it('releases 401, 403, 407 and every 5xx', async () =>
    expect(await released('offline-pos', codes)).toEqual([401, 403, 407, 500, 502, 503]));
  it('runs as if no key were sent when it is blank or long', async () => {
    const { ask, runs } = await start('offline-pos', made);
    for (const key of ['', ' ', 'x'.repeat(201)]) {
      await ask({ key });
      expect((await ask({ key })).header('idempotent-replay')).toBeUndefined();
    }
    expect(runs()).toBe(6);
  });
  it('lets the first request with a key win, in the tenant or globally', async () => {
    const { ask, port, runs } = await start('offline-pos', made);
    await ask({ body: 'a' });
    expect((await ask({ body: 'b', path: '/other' })).header('idempotent-replay')).toBe('true');
    expect((await ask({}, 'b')).header('idempotent-replay')).toBeUndefined();
    await send(port, { key: 'k' });
    expect((await send(port, { key: 'k' })).header('idempotent-replay')).toBe('true');
    expect(runs()).toBe(3);
  });
  it('refuses in the envelope', async () => {
    const second = await inFlight('offline-pos');
    expect(second.status).toBe(409);
    expect(bodyOf(second)).toMatchObject({ success: false, data: null, error: { code: 'IDEMPOTENCY_IN_PROGRESS' } });
  });
  it('keeps the status of an answer over 256 KiB', async () => {
    const { ask } = await start('offline-pos', (_, response) => {
      response.writeHead(201);
      response.end(Buffer.alloc(262_145));
    });
    expect((await ask()).body.length).toBe(262_145);
    const again = await ask();
    expect([again.status, again.body.length]).toEqual([201, 0]);
  });
});

describe('two-tier', () => {
  it('protects the writing methods', async () => expect(await protectedMethods('two-tier')).toEqual(methods));
  it('keeps by rule 7', async () =>
    expect(await released('two-tier', codes)).toEqual([401, 403, 407, 409, 423, 429, 503]));
  it('compares bytes', async () => {
    const { ask } = await start('two-tier', made);
    const headers: [string, string][] = [['Content-Type', 'application/json']];
    await ask({ headers, body: '[1]' });
    expect((await ask({ headers, body: '[1]' })).header('idempotency-replayed')).toBe('true');
    const other = await ask({ headers, body: '[1 ]' });
    expect(other.status).toBe(422);
    expect(bodyOf(other)).toMatchObject({ error: { code: 'idempotency_key_reused' } });
  });
  it('refuses in the envelope', async () => {
    expect(bodyOf(await inFlight('two-tier'))).toMatchObject({ error: { code: 'idempotency_key_pending' } });
  });
  it.each(['', ' ', 'a b', '"a b"', 'x'.repeat(256)])('refuses the key %j', async (key) => {
    const { ask, runs } = await start('two-tier', made);
    expect((await ask({ key })).status).toBe(400);
    expect(runs()).toBe(0);
  });
});

describe('bank', () => {
  it('protects the writing methods', async () => expect(await protectedMethods('bank')).toEqual(methods));
  it('freezes every outcome but refused credentials', async () =>
    expect(await released('bank', codes)).toEqual([401, 403, 407]));
  it('freezes what was thrown', async () => {
    const { ask, runs } = await start('bank', () => Promise.reject(new Error('boom')), {
      onWorkError: () => undefined,
    });
    expect((await ask()).status).toBe(500);
    expect((await ask()).header('idempotent-replayed')).toBe('true');
    expect(runs()).toBe(1);
  });
  it('replays the headers', async () => {
    const lines = { Location: '/1', ETag: '"1"', 'Cache-Control': 'no-store', 'Content-Type': 'text/plain' };
    const { ask } = await start('bank', (_, response) => response.writeHead(201, lines).end('x'));
    await ask();
    const again = await ask();
    for (const [name, value] of Object.entries(lines)) expect(again.header(name.toLowerCase())).toBe(value);
  });
  it('refuses more than 2 MiB', async () => {
    const { ask } = await start('bank', made);
    expect((await ask({ body: Buffer.alloc(2_097_153) })).status).toBe(413);
  });
});
