/** The keyed `fetch` against real servers: what it sends, what it sends again, and when it stops. */
import { afterEach, describe, expect, test } from 'vitest';
import { ClientError, idempotentFetch, newKey, type IdempotentFetchOptions } from '../../src/client/index.ts';
import { inOrder, inProgress, startServer, type Act, type Came, type TestServer } from './server.ts';

const servers: TestServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function serving(act: (request: Came, index: number) => Act): Promise<TestServer> {
  const server = await startServer(act);
  servers.push(server);
  return server;
}

const quick: IdempotentFetchOptions = { minDelayMs: 1, maxDelayMs: 2 };
const post = (body: NonNullable<RequestInit['body']> = '{"amount":1}') => ({ method: 'POST', body });

async function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => expect.unreachable('it must reject'),
    (error: unknown) => error,
  );
}

describe('keys', () => {
  test('a POST gets a fresh key, quoted, and the result tells it', async () => {
    const server = await serving(() => ({ status: 201 }));
    const send = idempotentFetch();
    const [one, two] = [await send(server.url, post()), await send(server.url, post())];
    expect(one.idempotency).toMatchObject({ attempts: 1, replayed: false, echoed: false, retentionMs: null });
    expect(server.came[0]?.key).toBe(`"${one.idempotency?.key}"`);
    expect(one.idempotency?.key).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(two.idempotency?.key).not.toBe(one.idempotency?.key);
  });

  test('a given key is used: as an option, as a header quoted or bare, in a Request', async () => {
    const server = await serving(() => ({}));
    const send = idempotentFetch();
    await send(server.url, { ...post(), idempotencyKey: 'a"b' });
    await send(server.url, { ...post(), headers: { 'Idempotency-Key': 'k' } });
    await send(new Request(server.url, { ...post(), headers: { 'Idempotency-Key': '"k"' } }));
    await send(server.url, { method: 'DELETE', idempotencyKey: 'd' });
    expect(server.came.map(({ key }) => key)).toEqual(['"a\\"b"', '"k"', '"k"', '"d"']);
  });

  test('hosts that want it bare get it bare', async () => {
    const server = await serving(() => ({}));
    await idempotentFetch({ bareHosts: [server.host] })(server.url, { ...post(), idempotencyKey: 'k' });
    await idempotentFetch({ bareHosts: ['api.example.com'] })(server.url, { ...post(), idempotencyKey: 'k' });
    expect(server.came.map(({ key }) => key)).toEqual(['k', '"k"']);
    const spaced = idempotentFetch({ bareHosts: ['*'] })(server.url, { ...post(), idempotencyKey: 'a b' });
    expect(ClientError.is(await failure(spaced), 'key_invalid')).toBe(true);
  });

  test('GET and unlisted methods pass unchanged, once', async () => {
    const server = await serving(() => ({ status: 503 }));
    const send = idempotentFetch(quick);
    expect((await send(server.url)).idempotency).toBeNull();
    expect((await send(server.url, { method: 'PUT', body: 'x' })).idempotency).toBeNull();
    expect(server.came.map(({ key }) => key)).toEqual([undefined, undefined]);
  });

  test.each(['', ' ', 'ä', 'a\nb', 'undefined', 'x'.repeat(256)])('an unusable key is refused: %j', async (key) => {
    const error = await failure(idempotentFetch()('http://127.0.0.1:9', { ...post(), idempotencyKey: key }));
    expect(ClientError.is(error, 'key_invalid')).toBe(true);
  });

  test('fresh keys differ', () => {
    expect(new Set(Array.from({ length: 1000 }, newKey)).size).toBe(1000);
  });
});

describe('what is sent again', () => {
  test.each([408, 425, 429, 500, 502, 503, 504])('%d, with the same key and bytes', async (status) => {
    const server = await serving(inOrder({ status }, 'cut', { status: 201 }));
    const response = await idempotentFetch(quick)(server.url, post('{"a":  1}'));
    expect([response.status, response.idempotency?.attempts]).toEqual([201, 3]);
    expect(new Set(server.came.map(({ key, body }) => `${key} ${body}`)).size).toBe(1);
  });

  test.each([200, 201, 204, 304, 400, 401, 403, 404, 409, 410, 422, 501])('not %d', async (status) => {
    const server = await serving(inOrder({ status }, { status: 299 }));
    expect((await idempotentFetch(quick)(server.url, post())).status).toBe(status);
    expect(server.came).toHaveLength(1);
  });

  test('409 only when it is the in-progress problem, in every profile’s words', async () => {
    const words = ['IDEMPOTENCY_IN_PROGRESS', 'idempotency_key_pending', 'idempotency_key_in_use'];
    const envelopes = words.map((code): Act => ({ status: 409, body: JSON.stringify({ error: { code } }) }));
    const server = await serving(inOrder(inProgress, ...envelopes, { status: 201 }));
    const response = await idempotentFetch(quick)(server.url, post());
    expect([response.status, response.idempotency?.attempts]).toEqual([201, 5]);
  });

  test.each([
    ['of the business', '{"error":{"code":"sold_out"}}', {}],
    ['with an unknown outcome', '{"code":"idempotency_outcome_unknown"}', {}],
    ['that is replayed', '{"code":"idempotency_in_progress"}', { 'idempotent-replayed': 'true' }],
    ['that only looks like it', '{"code":"idempotency_in_progress"}', { 'content-type': 'text/plain' }],
  ] as const)('not a 409 %s; its body can still be read', async (_name, body, headers) => {
    const server = await serving(() => ({ status: 409, body, headers }));
    const response = await idempotentFetch(quick)(server.url, post());
    expect(await response.text()).toBe(body);
    expect(server.came).toHaveLength(1);
  });

  test.each(['Idempotent-Replayed', 'Idempotent-Replay', 'Idempotency-Replayed'])('not a 500 with %s', async (name) => {
    const server = await serving(() => ({ status: 500, headers: { [name]: 'true' } }));
    const response = await idempotentFetch(quick)(server.url, post());
    expect(response.idempotency).toMatchObject({ attempts: 1, replayed: true });
  });

  test('until the attempts are used up: then the last answer, or an error with the key', async () => {
    const server = await serving(() => ({ status: 503 }));
    const response = await idempotentFetch({ ...quick, maxAttempts: 3 })(server.url, post());
    expect([response.status, response.idempotency?.attempts]).toEqual([503, 3]);
    const cutting = await serving(() => 'cut');
    const error = await failure(
      idempotentFetch({ ...quick, maxAttempts: 2 })(cutting.url, { ...post(), idempotencyKey: 'k' }),
    );
    expect(error).toMatchObject({ code: 'unreachable', details: { key: 'k', attempts: 2 } });
    expect((error as Error).cause).toBeInstanceOf(TypeError);
  });
});

describe('time', () => {
  test('an attempt that hangs is given up and made again', async () => {
    const server = await serving(inOrder('hang', { status: 201 }));
    const response = await idempotentFetch({ ...quick, attemptTimeoutMs: 1500 })(server.url, post());
    expect(response.idempotency?.attempts).toBe(2);
  });

  test('the whole has a deadline', async () => {
    const server = await serving(() => 'hang');
    const error = await failure(
      idempotentFetch({ ...quick, attemptTimeoutMs: 200, deadlineMs: 1000, maxAttempts: 99 })(server.url, post()),
    );
    expect(ClientError.is(error, 'timed_out')).toBe(true);
    expect(server.came.length).toBeGreaterThan(1);
  });

  test.each([
    ['seconds', () => '2'],
    ['a date', (nowMs: number) => new Date(nowMs + 2000).toUTCString()],
  ])('Retry-After in %s is waited for', async (_name, value) => {
    const waits: number[] = [];
    const nowMs = 1_700_000_000_000;
    const clock = {
      nowMs: () => nowMs,
      monotonicMs: () => 0,
      after(delayMs: number, fire: () => void) {
        if (delayMs >= 15_000) return () => undefined;
        waits.push(delayMs);
        queueMicrotask(fire);
        return () => undefined;
      },
    };
    const server = await serving(inOrder({ status: 503, headers: { 'retry-after': value(nowMs) } }, {}));
    await idempotentFetch({ clock, minDelayMs: 10 })(server.url, post());
    expect(waits[0]).toBeGreaterThanOrEqual(2000);
    expect(waits[0]).toBeLessThan(2010);
  });

  test('Retry-After is capped, and waited for only within the deadline', async () => {
    const server = await serving(() => ({ status: 503, headers: { 'retry-after': '3600' } }));
    const capped = idempotentFetch({ ...quick, maxRetryAfterMs: 20, maxAttempts: 2 });
    expect((await capped(server.url, post())).idempotency?.attempts).toBe(2);
    const response = await idempotentFetch({ ...quick, deadlineMs: 5000 })(server.url, post());
    expect([response.status, response.idempotency?.attempts]).toEqual([503, 1]);
  });

  test('an abort of the caller ends it with the caller’s reason: under way and while waiting', async () => {
    const hanging = await serving(() => 'hang');
    const reason = new Error('enough');
    const under = new AbortController();
    const sent = failure(idempotentFetch(quick)(hanging.url, { ...post(), signal: under.signal }));
    await expect.poll(() => hanging.came.length).toBe(1);
    under.abort(reason);
    expect(await sent).toBe(reason);
    const busy = await serving(() => ({ status: 503, headers: { 'retry-after': '20' } }));
    const waiting = new AbortController();
    const waited = failure(idempotentFetch(quick)(busy.url, { ...post(), signal: waiting.signal }));
    await expect.poll(() => busy.came.length).toBe(1);
    waiting.abort(reason);
    expect(await waited).toBe(reason);
    expect(busy.came).toHaveLength(1);
  });
});

describe('bodies', () => {
  const stream = (text: string): ReadableStream => new Blob([text]).stream();

  test('a one-shot stream is kept and sent again', async () => {
    const server = await serving(inOrder('cut', { status: 201 }));
    await idempotentFetch(quick)(server.url, { ...post(), body: stream('once') });
    await idempotentFetch(quick)(new Request(server.url, { ...post(stream('twice')), duplex: 'half' } as RequestInit));
    expect(server.came.map(({ body }) => body)).toEqual(['once', 'once', 'twice']);
  });

  test('beyond the cap nothing is sent and the error says what to do', async () => {
    const server = await serving(() => ({}));
    const send = idempotentFetch({ maxBufferedBytes: 10 });
    const error = await failure(send(server.url, { ...post(), body: stream('x'.repeat(11)) }));
    expect(error).toMatchObject({ code: 'body_too_large', details: { limitBytes: 10 } });
    expect(server.came).toHaveLength(0);
    expect((await send(server.url, post('x'.repeat(11)))).status).toBe(200);
  });

  test('a form keeps its boundary, and the type that goes with it', async () => {
    const server = await serving(inOrder('cut', { status: 201 }));
    const form = new FormData();
    form.set('file', new Blob([Uint8Array.of(0, 255, 10)]), 'a.bin');
    await idempotentFetch(quick)(server.url, post(form));
    const [one, two] = server.came;
    expect(one?.headers['content-type']).toContain('multipart/form-data; boundary=');
    expect([two?.body, two?.headers['content-type']]).toEqual([one?.body, one?.headers['content-type']]);
  });
});

describe('redirects', () => {
  test('the key and body stay on the same origin', async () => {
    const server = await serving(inOrder({ status: 308, headers: { location: '/there' } }, { status: 201 }));
    const response = await idempotentFetch(quick)(server.url, { ...post(), idempotencyKey: 'k' });
    expect(response.status).toBe(201);
    expect(server.came.map(({ url, key, method }) => [url, key, method])).toEqual([
      ['/', '"k"', 'POST'],
      ['/there', '"k"', 'POST'],
    ]);
  });

  test('the key is never sent to another origin', async () => {
    const other = await serving(() => ({}));
    const server = await serving(() => ({ status: 307, headers: { location: other.url } }));
    const error = await failure(idempotentFetch(quick)(server.url, post()));
    expect(error).toMatchObject({ code: 'redirected_elsewhere', details: { location: `${other.url}/` } });
    expect(other.came).toHaveLength(0);
  });

  test('"see other" is looked at without key, body and, elsewhere, credentials', async () => {
    const other = await serving(() => ({ body: '{}' }));
    const server = await serving(() => ({ status: 303, headers: { location: other.url } }));
    const response = await idempotentFetch(quick)(server.url, { ...post(), headers: { authorization: 'Bearer x' } });
    expect(response.status).toBe(200);
    expect(other.came[0]).toMatchObject({ method: 'GET', key: undefined, body: '' });
    expect(other.came[0]?.headers.authorization).toBeUndefined();
  });

  test('a caller’s own redirect mode is respected', async () => {
    const server = await serving(() => ({ status: 307, headers: { location: '/there' } }));
    expect((await idempotentFetch(quick)(server.url, { ...post(), redirect: 'manual' })).status).toBe(307);
  });
});

describe('what the server says of the key', () => {
  test('echo and retention are told', async () => {
    const headers = { 'idempotency-key': '"k"', 'idempotency-retention': '86400' };
    const server = await serving(() => ({ headers }));
    const { idempotency } = await idempotentFetch()(server.url, { ...post(), idempotencyKey: 'k' });
    expect(idempotency).toMatchObject({ echoed: true, retentionMs: 86_400_000 });
  });

  test('an answer for another key is an error', async () => {
    const server = await serving(() => ({ headers: { 'idempotency-key': '"other"' } }));
    const error = await failure(idempotentFetch()(server.url, post()));
    expect(error).toMatchObject({ code: 'wrong_echo', details: { echoed: 'other' } });
  });
});

test('a wrong option is named', () => {
  expect(() => idempotentFetch({ deadlineMs: 0 })).toThrow('idempotentFetch: options.deadlineMs');
});
