/** The profile `two-tier` through a real gateway, Redis in front of PostgreSQL: every cell of its column (SEMANTICS section 3). */
import { Redis } from 'ioredis';
import pg from 'pg';
import { describe } from 'vitest';
import { startFaultProxy } from '../../../../tools/servers/fault-proxy.ts';
import { startPostgres } from '../../../../tools/servers/postgres.ts';
import { startRedis } from '../../../../tools/servers/redis.ts';
import { serverForFile } from '../../../../tools/servers/server-for-file.ts';
import { storesUnderTest } from '../../../../tools/servers/stores-under-test.ts';
import { runProgram } from '../support/program.ts';
import { newKey, walkThrough, type Walk } from './walk.ts';

const marker = 'Idempotency-Replayed';

describe.each(storesUnderTest(['tiered']))('%s', () => {
  const hot = serverForFile(() => startRedis({ appendOnly: 'off' }));
  const durable = serverForFile(() => startPostgres({ fsync: false }));

  async function tables(): Promise<void> {
    const { code, stderr } = await runProgram(['migrate', '--store', durable().url]);
    if (code !== 0) throw new Error(stderr);
  }

  /** A repeat from Redis; then from PostgreSQL, after Redis has lost everything, which warms Redis again. */
  async function coldMiss(walk: Walk): Promise<unknown> {
    await tables();
    const prefix = `${newKey()}:`;
    const gateway = await walk.gateway('--store', durable().url, '--hot', `${hot().url}?prefix=${prefix}`);
    const order = { key: newKey() };
    const redis = new Redis(hot().url);
    const copies = async (): Promise<number> => (await redis.keys(`${prefix}*`)).length;
    try {
      const first = await walk.order(order, gateway);
      const seen = [await copies()];
      const warm = await walk.order(order, gateway);
      await redis.flushall();
      const cold = await walk.order(order, gateway);
      const deadlineMs = performance.now() + 10_000;
      // oxlint-disable-next-line no-await-in-loop -- waits for a condition
      while ((await copies()) === 0 && performance.now() < deadlineMs);
      seen.push(await copies());
      return [seen, [warm, cold].map(({ status, marker: told, body }) => [status, told, body === first.body])];
    } finally {
      redis.disconnect();
    }
  }

  /** Redis gone: served by PostgreSQL. PostgreSQL gone: repeats from Redis, nothing new. */
  async function outages(walk: Walk): Promise<unknown> {
    await tables();
    const [toHot, toDurable] = [
      await startFaultProxy({ port: hot().port }),
      await startFaultProxy({ port: durable().port }),
    ];
    try {
      const flags = ['--store', toDurable.through(durable().url), '--hot', toHot.through(hot().url)];
      const gateway = await walk.gateway(...flags);
      const order = { key: newKey() };
      await walk.order(order, gateway);
      await toDurable.down();
      const repeat = await walk.order(order, gateway);
      const refused = await walk.order({}, gateway);
      await toDurable.up();
      await toHot.down();
      const without = await walk.twice({}, {}, gateway);
      return [
        repeat.marker,
        refused.status,
        refused.answer.header('retry-after').length,
        without.marker,
        without.calls,
      ];
    } finally {
      await Promise.all([toHot.stop(), toDurable.stop()]);
    }
  }

  /** What the table refuses, and what can be asked of it in SQL. */
  async function inSql(walk: Walk): Promise<unknown> {
    await tables();
    const gateway = await walk.gateway('--store', durable().url);
    await walk.order({ key: 'asked in SQL', body: '{"a":1}' }, gateway);
    await walk.order({ key: newKey() }, gateway);
    const pool = new pg.Pool({ connectionString: durable().url });
    const refused = (text: string): Promise<unknown> =>
      pool.query(text).then(
        () => 'done',
        (error: { code?: string }) => error.code,
      );
    try {
      const { rows } = await pool.query<{ id: string }>(
        `SELECT body_json->>'id' AS id FROM oncekey_records_view WHERE state = 'completed' AND body_json @? '$.id'`,
      );
      const answers = [
        await refused(`UPDATE oncekey_records SET state = 'in-progress', lease_end = now() WHERE state = 'completed'`),
        await refused(`UPDATE oncekey_records SET outcome_kind = NULL WHERE state = 'completed'`),
      ];
      const printed = await Promise.all(
        [[], ['--down']].map((more) => runProgram(['migrate', '--store', durable().url, '--print', ...more])),
      );
      return [
        rows.length > 0 && rows.every(({ id }) => id.startsWith('o-')),
        answers,
        printed.map(({ stdout }) => /\b\w+ TABLE "oncekey_records"/.exec(stdout)?.[0]),
      ];
    } finally {
      await pool.end();
    }
  }

  walkThrough('two-tier', [
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
      what: 'as configured: each has keys of his own; without one a keyed request is refused',
      see: async (walk) => [(await walk.twice({}, { user: 'bob' })).calls, await walk.briefly({ user: null })],
      is: [2, [400, 'idempotency_scope_missing', undefined, 0]],
    },
    {
      row: 'unusable key',
      what: '400 on length, control bytes and white space, and nothing reaches the service',
      see: async (walk) => {
        const told = [];
        for (const key of ['x'.repeat(256), 'a\u0001b', 'a\tb', 'a b', '"a b"', ' ']) {
          // oxlint-disable-next-line no-await-in-loop -- calls are counted
          const { status, calls } = await walk.twice({ key });
          told.push([status, calls]);
        }
        return told;
      },
      is: Array.from({ length: 6 }, () => [400, 0]),
    },
    {
      row: 'fingerprint',
      what: 'method, path with query, and body bytes',
      see: async (walk) => [
        await walk.briefly(),
        await walk.briefly({}, { body: '{ "a":1}' }),
        await walk.briefly({}, { target: '/orders?x=1' }),
        await walk.briefly({}, { method: 'PUT' }),
        await walk.briefly({}, { type: 'text/plain' }),
      ],
      is: [
        [201, '', marker, 1],
        [422, 'idempotency_key_reused', undefined, 1],
        [422, 'idempotency_key_reused', undefined, 1],
        [422, 'idempotency_key_reused', undefined, 1],
        [201, '', marker, 1],
      ],
    },
    {
      row: 'duplicate in flight',
      what: '409 idempotency_key_pending in the envelope',
      see: async (walk) => {
        const { status, first, body, code } = await walk.inFlight();
        const { success, data } = JSON.parse(body) as { success: boolean; data: null };
        return [status, first, success, data, code];
      },
      is: [409, 201, false, null, 'idempotency_key_pending'],
    },
    {
      row: 'other payload',
      what: '422 idempotency_key_reused in the envelope, and the first answer stays',
      see: async (walk) => {
        const key = newKey();
        await walk.order({ key });
        const other = await walk.order({ key, body: '{"a":2}' });
        const { success } = JSON.parse(other.body) as { success: boolean };
        return [other.status, other.code, success, (await walk.order({ key })).marker];
      },
      is: [422, 'idempotency_key_reused', false, marker],
    },
    {
      row: 'replay',
      what: 'byte for byte, with Idempotency-Replayed: true on replays only',
      see: async (walk) => {
        const order = { key: newKey(), body: Buffer.from([0xff, 0x00, 0xfe]) };
        const [first, again] = [await walk.order(order), await walk.order(order)];
        return [first.marker, again.marker, again.answer.body.equals(first.answer.body), again.status];
      },
      is: [undefined, marker, true, 201],
    },
    {
      row: '401, 403, 407 and other 4xx',
      what: 'by rule 7: released where the next try may differ, else stored',
      see: (walk) => walk.released([400, 401, 402, 403, 404, 407, 408, 409, 421, 422, 423, 425, 429, 431]),
      is: [401, 403, 407, 408, 409, 421, 423, 425, 429, 431],
    },
    {
      row: '5xx or throw',
      what: 'by rule 7: a 503 released, the others and a broken answer stored, because an effect may exist',
      see: async (walk) => [
        await walk.released([500, 501, 502, 503, 504]),
        (await walk.twice({ target: '/?break' })).calls,
      ],
      is: [[503], 1],
    },
    {
      row: 'after a crash',
      what: 'refused while the lease runs; then it counts as missing, and is run again',
      see: (walk) => walk.crash(),
      is: { early: 409, late: 201, marker: undefined, warned: true },
    },
    {
      row: 'sizes',
      what: 'a request that is too large: 413',
      see: (walk) => walk.briefly({ body: Buffer.alloc(2_097_153) }),
      is: [413, 'request_too_large', undefined, 0],
    },
    {
      row: 'store',
      what: 'Redis answers; after a cold miss PostgreSQL does, and Redis is warm again',
      see: coldMiss,
      is: [
        [1, 1],
        [
          [201, marker, true],
          [201, marker, true],
        ],
      ],
    },
    {
      row: 'store',
      what: 'PostgreSQL gone: 503 for what is new, repeats go on; Redis gone: nothing changes',
      see: outages,
      is: [marker, 503, 1, marker, 1],
    },
    {
      row: 'beyond',
      what: 'a CHECK keeps half a record out; up and down migration; stored JSON is asked in SQL',
      see: inSql,
      is: [true, ['23514', '23514'], ['CREATE TABLE "oncekey_records"', 'DROP TABLE "oncekey_records"']],
    },
  ]);
});
