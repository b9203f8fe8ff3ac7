/** The profile `safe`, the default, through a real gateway, row by row: the rules of SEMANTICS section 1. */
import { newKey, walkThrough } from './walk.ts';

const marker = 'Idempotent-Replayed';

walkThrough('safe', [
  {
    row: 'entry',
    what: 'POST and PATCH with a key, and nothing else',
    see: async (walk) => [
      await walk.protects(['POST', 'PUT', 'PATCH', 'DELETE', 'GET']),
      (await walk.twice({ key: null })).calls,
    ],
    is: [['POST', 'PATCH'], 2],
  },
  {
    row: 'scope',
    what: 'the authorization header; a key without one is refused',
    see: async (walk) => [(await walk.twice({}, { user: 'bob' })).calls, await walk.briefly({ user: null })],
    is: [2, [400, 'idempotency_scope_missing', undefined, 0]],
  },
  {
    row: 'unusable key',
    what: '400, and nothing reaches the service; a quoted key is the bare one',
    see: async (walk) => {
      const key = newKey();
      const told = [await walk.briefly({ key }, { key: `"${key}"` })];
      // oxlint-disable-next-line no-await-in-loop -- calls are counted
      for (const wrong of ['', ' ', 'a b', 'a,b', '"open', 'nöt', 'null', 'x'.repeat(256)])
        told.push(await walk.briefly({ key: wrong }));
      return told;
    },
    is: [[201, '', marker, 1], ...Array.from({ length: 8 }, () => [400, 'idempotency_key_invalid', undefined, 0])],
  },
  {
    row: 'fingerprint',
    what: 'method, path with query, media type and body; JSON by value',
    see: async (walk) => [
      await walk.briefly(
        { body: '{"a":1,"b":2}' },
        { body: '{ "b":2, "a":1.0 }', type: 'application/json; charset=utf-8' },
      ),
      await walk.briefly({}, { target: '/orders?x=1' }),
      await walk.briefly({}, { method: 'PATCH' }),
      await walk.briefly({}, { type: 'text/plain' }),
    ],
    is: [
      [201, '', marker, 1],
      [422, 'idempotency_key_reused', undefined, 1],
      [422, 'idempotency_key_reused', undefined, 1],
      [422, 'idempotency_key_reused', undefined, 1],
    ],
  },
  {
    row: 'duplicate in flight',
    what: '409 as a problem, with Retry-After and what to do',
    see: async (walk) => {
      const { status, first, body, answer } = await walk.inFlight();
      const { code, retryable } = JSON.parse(body) as { code: string; retryable: boolean };
      return [status, first, code, retryable, answer.header('retry-after'), answer.header('content-type')];
    },
    is: [409, 201, 'idempotency_in_progress', true, ['1'], ['application/problem+json']],
  },
  {
    row: 'duplicate in flight',
    what: 'or waits, where that is asked for',
    see: async (walk) => {
      const gateway = await walk.gateway('--in-progress', 'wait');
      const order = { key: newKey(), target: '/orders?ms=300' };
      const told = await Promise.all([1, 2, 3].map(() => walk.order(order, gateway)));
      return [told.map(({ status }) => status), told.filter(({ marker: each }) => each === marker).length];
    },
    is: [[201, 201, 201], 2],
  },
  {
    row: 'other payload',
    what: '422 as a problem, and the first answer stays',
    see: async (walk) => {
      const key = newKey();
      await walk.order({ key });
      const other = await walk.order({ key, body: '{"a":2}' });
      return [other.status, other.code, other.answer.header('cache-control'), (await walk.order({ key })).marker];
    },
    is: [422, 'idempotency_key_reused', ['no-store'], marker],
  },
  {
    row: 'replay',
    what: 'status, body bytes and end-to-end headers, with Idempotent-Replayed: true on replays only',
    see: async (walk) => {
      const key = newKey();
      const [first, again] = [await walk.order({ key }), await walk.order({ key })];
      const names = ['location', 'etag', 'cache-control', 'content-type'];
      const same = names.filter((name) => first.answer.header(name).join() === again.answer.header(name).join());
      return [first.marker, again.marker, again.status, again.answer.body.equals(first.answer.body), same.length];
    },
    is: [undefined, marker, 201, true, 4],
  },
  {
    row: '401, 403, 407 and other 4xx',
    what: 'released where the next try may differ, else stored',
    see: (walk) => walk.released([400, 401, 402, 403, 404, 407, 408, 409, 410, 421, 422, 423, 425, 429, 431]),
    is: [401, 403, 407, 408, 409, 421, 423, 425, 429, 431],
  },
  {
    row: '5xx or throw',
    what: '503 released; 500, 502, 504 and a broken answer stored, because an effect may exist',
    see: async (walk) => [await walk.released([500, 502, 503, 504]), await walk.briefly({ target: '/?break' })],
    is: [[503], [502, 'upstream_connection_lost', marker, 1]],
  },
  {
    row: 'after a crash',
    what: 'refused while the lease runs, then taken over with a warning',
    see: (walk) => walk.crash(),
    is: { early: 409, late: 201, marker: undefined, warned: true },
  },
  {
    row: 'sizes',
    what: 'a request over 2 MiB: 413; an answer over 1 MiB goes out whole, and a repeat is told that it was not kept',
    see: async (walk) => {
      const order = { key: newKey(), target: '/?bytes=1048577' };
      const [first, again] = [await walk.order(order), await walk.order(order)];
      return [await walk.briefly({ body: Buffer.alloc(2_097_153) }), first.body.length, again.status, again.code];
    },
    is: [[413, 'request_too_large', undefined, 0], 1_048_577, 409, 'idempotency_outcome_not_kept'],
  },
  { row: 'store', what: 'durable: a kill loses no answer', see: (walk) => walk.survivesKill(), is: [201, marker] },
  {
    row: 'beyond',
    what: 'a duplicate after a crash may be held for an operator instead',
    see: async (walk) => {
      const store = ['--store', `sqlite:${walk.folder}/${newKey()}.db`, '--lease-ms', '500', '--abandoned', 'hold'];
      const [first, second] = [await walk.gateway(...store), await walk.gateway(...store)];
      const order = { key: newKey(), target: '/orders?ms=700' };
      const before = walk.upstream.heads();
      const lost = walk.order(order, first);
      await walk.until(() => walk.upstream.heads() > before);
      await first.kill();
      await lost;
      let told = await walk.order(order, second);
      // oxlint-disable-next-line no-await-in-loop -- asked again until the lease is over
      while (told.code === 'idempotency_in_progress') told = await walk.order(order, second);
      return [told.status, told.code];
    },
    is: [409, 'idempotency_outcome_unknown'],
  },
]);
