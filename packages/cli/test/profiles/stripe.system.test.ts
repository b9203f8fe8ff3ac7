/** The profile `stripe` through a real gateway, row by row; the official client behind it has a test of its own (test/real). */
import { newKey, walkThrough } from './walk.ts';

const marker = 'Idempotent-Replayed';

walkThrough('stripe', [
  {
    row: 'entry',
    what: 'POST with a key, and nothing else',
    see: async (walk) => [
      await walk.protects(['POST', 'PUT', 'PATCH', 'DELETE', 'GET']),
      (await walk.twice({ key: null })).calls,
    ],
    is: [['POST'], 2],
  },
  {
    row: 'scope',
    what: 'the credential: two accounts never meet, and a key without one is refused in its shape',
    see: async (walk) => [(await walk.twice({}, { user: 'bob' })).calls, await walk.briefly({ user: null })],
    is: [2, [400, 'idempotency_scope_missing', undefined, 0]],
  },
  {
    row: 'unusable key',
    what: 'the key as it came, up to 255 characters: quoted and bare are two; longer or blank is 400',
    see: async (walk) => {
      const key = newKey();
      return [
        (await walk.twice({ key }, { key: `"${key}"` })).calls,
        (await walk.briefly({ key: 'a b, c; d="e"' })).slice(0, 3),
        await walk.briefly({ key: 'x'.repeat(255) }),
        await walk.briefly({ key: 'x'.repeat(256) }),
        await walk.briefly({ key: '  ' }),
      ];
    },
    is: [
      2,
      [201, '', marker],
      [201, '', marker, 1],
      [400, 'idempotency_key_invalid', undefined, 0],
      [400, 'idempotency_key_invalid', undefined, 0],
    ],
  },
  {
    row: 'fingerprint',
    what: 'by value: the order of members makes no difference, the path does',
    see: async (walk) => [
      await walk.briefly({ body: '{"a":1,"b":2}' }, { body: '{"b":2,"a":1.0}' }),
      await walk.briefly({}, { target: '/refunds' }),
    ],
    is: [
      [201, '', marker, 1],
      [400, 'idempotency_key_reused', undefined, 1],
    ],
  },
  {
    row: 'duplicate in flight',
    what: '409 idempotency_key_in_use, of type idempotency_error',
    see: async (walk) => {
      const { status, first, body } = await walk.inFlight();
      const { error } = JSON.parse(body) as { error: { type: string; code: string; message: string } };
      return [status, first, error.type, error.code, typeof error.message];
    },
    is: [409, 201, 'idempotency_error', 'idempotency_key_in_use', 'string'],
  },
  {
    row: 'other payload',
    what: '400, of type idempotency_error, and the first answer stays',
    see: async (walk) => {
      const key = newKey();
      await walk.order({ key });
      const other = await walk.order({ key, body: '{"a":2}' });
      const { error } = JSON.parse(other.body) as { error: { type: string } };
      return [other.status, error.type, other.code, (await walk.order({ key })).marker];
    },
    is: [400, 'idempotency_error', 'idempotency_key_reused', marker],
  },
  {
    row: 'replay',
    what: 'status and body, with Idempotent-Replayed: true on replays only',
    see: async (walk) => {
      const key = newKey();
      const [first, again] = [await walk.order({ key }), await walk.order({ key })];
      return [first.marker, again.marker, again.status, again.body === first.body];
    },
    is: [undefined, marker, 201, true],
  },
  {
    row: '401, 403, 407 and other 4xx',
    what: 'stored once the work has begun, but for 401 and 429',
    see: (walk) => walk.released([400, 401, 402, 403, 404, 407, 408, 409, 422, 423, 425, 429, 431]),
    is: [401, 429],
  },
  {
    row: '5xx or throw',
    what: 'stored',
    see: async (walk) => [
      await walk.released([500, 501, 502, 503, 504]),
      (await walk.twice({ target: '/?break' })).calls,
    ],
    is: [[], 1],
  },
  {
    row: 'after a crash',
    what: 'refused while the lease runs, then run again',
    see: (walk) => walk.crash(),
    is: { early: 409, late: 201, marker: undefined, warned: true },
  },
  {
    row: 'sizes',
    what: 'a request over 2 MiB: 413 in its shape',
    see: (walk) => walk.briefly({ body: Buffer.alloc(2_097_153) }),
    is: [413, 'request_too_large', undefined, 0],
  },
  { row: 'store', what: 'durable: a kill loses no answer', see: (walk) => walk.survivesKill(), is: [201, marker] },
  {
    row: 'beyond',
    what: '24 hours: the retention is advertised where that is asked for',
    see: async (walk) => {
      const gateway = await walk.gateway('--echo-key');
      const { answer } = await walk.order({ key: 'shown' }, gateway);
      return answer.lines.filter(([name]) => /idempoten/i.test(name)).map(([, value]) => /shown|86400/.test(value));
    },
    is: [true, true],
  },
]);
