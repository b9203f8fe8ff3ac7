/** The profile `offline-pos` through a real gateway: every cell of its column (SEMANTICS section 3). */
import { createOutbox, memoryStorage, ref } from 'oncekey/outbox';
import { newKey, walkThrough, type Walk } from './walk.ts';

const marker = 'Idempotent-Replay';

/** Two writes of a till, the second about what the first has made; the reply to the first is lost once. */
async function till(walk: Walk): Promise<unknown> {
  const { url } = await walk.main();
  const before = walk.upstream.calls.length;
  let lost = 0;
  const outbox = createOutbox({
    storage: memoryStorage(),
    automatic: false,
    minDelayMs: 1,
    maxDelayMs: 5,
    async fetch(...sent: Parameters<typeof fetch>) {
      const answer = await fetch(...sent);
      if (lost++ === 0) throw new TypeError('the reply was lost');
      return answer;
    },
  });
  await outbox.add({ id: 'order', lane: 'till', url: `${url}/orders`, json: { coffee: 1 } });
  await outbox.add({
    id: 'payment',
    lane: 'till',
    url: `${url}/orders/${ref('order')}/payments`,
    json: { order: ref('order') },
  });
  await outbox.drained();
  const calls = walk.upstream.calls.slice(before).map(({ target, body }) => [target, body.toString()]);
  const serverId = await outbox.serverId('order');
  await outbox.close();
  return {
    lost: lost > 2,
    calls: calls.length,
    order: calls[0]?.[1],
    named:
      JSON.stringify(calls[1]) ===
      JSON.stringify([`/orders/${serverId}/payments`, JSON.stringify({ order: serverId })]),
  };
}

walkThrough('offline-pos', [
  {
    row: 'entry',
    what: 'POST, PUT, PATCH and DELETE with a key, and nothing else',
    see: async (walk) => [
      await walk.protects(['POST', 'PUT', 'PATCH', 'DELETE', 'GET']),
      (await walk.twice({ key: null })).calls,
    ],
    is: [['POST', 'PUT', 'PATCH', 'DELETE'], 2],
  },
  {
    row: 'scope',
    what: 'the tenant, else one that all share',
    see: async (walk) => [
      (await walk.twice({}, { user: 'bob' })).calls,
      (await walk.twice({ user: null })).calls,
      (await walk.twice({ user: null }, { user: 'bob' })).calls,
    ],
    is: [2, 1, 2],
  },
  {
    row: 'unusable key',
    what: 'blank or over 200 characters is as if not sent, any other single value is a key',
    see: async (walk) => {
      const calls = [];
      for (const key of ['   ', 'x'.repeat(201), `${newKey()}${'x'.repeat(180)}`, 'order 7, café "2"; a=b']) {
        // oxlint-disable-next-line no-await-in-loop -- calls are counted
        const { status, calls: count, marker: told } = await walk.twice({ key });
        calls.push([status, count, told]);
      }
      return calls;
    },
    is: [
      [201, 2, undefined],
      [201, 2, undefined],
      [201, 1, marker],
      [201, 1, marker],
    ],
  },
  {
    row: 'fingerprint',
    what: 'none: the first request with the key wins, whatever the body, path or method',
    see: async (walk) => [
      await walk.briefly({}, { body: '{"a":2}' }),
      await walk.briefly({}, { target: '/other' }),
      await walk.briefly({}, { method: 'PUT' }),
    ],
    is: [
      [201, '', marker, 1],
      [201, '', marker, 1],
      [201, '', marker, 1],
    ],
  },
  {
    row: 'duplicate in flight',
    what: '409 IDEMPOTENCY_IN_PROGRESS in the envelope',
    see: async (walk) => {
      const { status, first, body } = await walk.inFlight();
      const { success, data, error } = JSON.parse(body) as {
        success: boolean;
        data: null;
        error: { code: string; message: string };
      };
      return [status, first, success, data, error.code, typeof error.message];
    },
    is: [409, 201, false, null, 'IDEMPOTENCY_IN_PROGRESS', 'string'],
  },
  {
    row: 'other payload',
    what: 'is none: the first answer',
    see: async (walk) => {
      const key = newKey();
      const first = await walk.order({ key });
      const other = await walk.order({ key, body: '{"a":2}' });
      return [other.status, other.body === first.body];
    },
    is: [201, true],
  },
  {
    row: 'replay',
    what: 'status, body, content type and Idempotent-Replay: true, on replays only',
    see: async (walk) => {
      const key = newKey();
      const [first, again] = [await walk.order({ key }), await walk.order({ key })];
      return [first.marker, again.marker, again.status, again.body === first.body, again.answer.header('content-type')];
    },
    is: [undefined, marker, 201, true, ['application/json']],
  },
  {
    row: '401, 403, 407 and other 4xx',
    what: 'released, and stored',
    see: (walk) => walk.released([400, 401, 402, 403, 404, 407, 408, 409, 422, 423, 425, 429, 431]),
    is: [401, 403, 407],
  },
  {
    row: '5xx or throw',
    what: 'released, also where the service broke off',
    see: async (walk) => [
      await walk.released([500, 501, 502, 503, 504]),
      (await walk.twice({ target: '/?break' })).calls,
    ],
    is: [[500, 501, 502, 503, 504], 2],
  },
  {
    row: 'after a crash',
    what: 'refused while the lease runs, then taken over with a warning; a minute by default',
    see: (walk) => walk.crash(),
    is: { early: 409, late: 201, marker: undefined, warned: true },
  },
  {
    row: 'sizes',
    what: 'of an answer over 256 KiB the status is kept without its body; at 256 KiB all of it',
    see: async (walk) => {
      const large = await walk.twice({ target: '/?bytes=262145' });
      const fits = await walk.twice({ target: '/?bytes=262144' });
      return [large.status, large.body.length, large.marker, large.calls, fits.body.length, fits.calls];
    },
    is: [201, 0, marker, 1, 262_144, 1],
  },
  { row: 'store', what: 'durable: a kill loses no answer', see: (walk) => walk.survivesKill(), is: [201, marker] },
  {
    row: 'beyond',
    what: 'an outbox sends the keys, survives a lost reply without a second order, and maps ids',
    see: till,
    is: { lost: true, calls: 2, order: '{"coffee":1}', named: true },
  },
]);
