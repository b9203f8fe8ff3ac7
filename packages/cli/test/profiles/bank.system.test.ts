/** The profile `bank` through a real gateway: every cell of its column (SEMANTICS section 3). */
import pg from 'pg';
import { describe } from 'vitest';
import { startPostgres } from '../../../../tools/servers/postgres.ts';
import { serverForFile } from '../../../../tools/servers/server-for-file.ts';
import { storesUnderTest } from '../../../../tools/servers/stores-under-test.ts';
import { runProgram } from '../support/program.ts';
import { newKey, walkThrough, type Walk } from './walk.ts';

const marker = 'Idempotent-Replayed';

describe.each(storesUnderTest(['postgres']))('on %s', () => {
  const server = serverForFile(() => startPostgres({ fsync: false }));

  /** The DDL as text for one's own migrations; then two gateways that share the table, and a sweep of what is over. */
  async function ownMigration(walk: Walk): Promise<unknown> {
    const { stdout } = await runProgram(['migrate', '--store', server().url, '--print']);
    const pool = new pg.Pool({ connectionString: server().url });
    try {
      await pool.query(stdout);
      const flags = ['--store', server().url, '--retention-ms', '60000'];
      const [one, two] = [await walk.gateway(...flags), await walk.gateway(...flags)];
      const order = { key: newKey() };
      const answers = await Promise.all([one, two, one, two].map((gateway) => walk.order(order, gateway)));
      const { rowCount } = await pool.query('SELECT 1 FROM oncekey_records');
      const repeat = await walk.order(order, two);
      return [
        answers.filter(({ status, marker: told }) => status === 201 && told === undefined).length,
        rowCount,
        repeat.marker,
      ];
    } finally {
      await pool.end();
    }
  }

  /** An owner that is stopped past its lease is replaced; awake again, it changes nothing and breaks the answer it had begun. */
  async function staleOwner(walk: Walk): Promise<unknown> {
    const store = ['--store', `sqlite:${walk.folder}/${newKey()}.db`, '--lease-ms', '600'];
    const [owner, next] = [await walk.gateway(...store), await walk.gateway(...store)];
    const order = { key: newKey(), target: '/orders?ms=300' };
    const before = walk.upstream.heads();
    const late = walk.order(order, owner);
    await walk.until(() => walk.upstream.heads() > before);
    owner.signal('SIGSTOP');
    let taken = await walk.order(order, next);
    // oxlint-disable-next-line no-await-in-loop -- asked again until the lease is over
    while (taken.status === 409) taken = await walk.order(order, next);
    owner.signal('SIGCONT');
    const told = await late;
    const after = await walk.order(order, next);
    return [taken.marker, told.answer.whole, after.marker, after.body === taken.body];
  }

  walkThrough('bank', [
    {
      row: 'entry',
      what: 'HTTP: POST, PUT, PATCH and DELETE with a key',
      see: async (walk) => [
        await walk.protects(['POST', 'PUT', 'PATCH', 'DELETE', 'GET']),
        (await walk.twice({ key: null })).calls,
      ],
      is: [['POST', 'PUT', 'PATCH', 'DELETE'], 2],
    },
    {
      row: 'scope',
      what: 'the principal; a key without one is refused',
      see: async (walk) => [(await walk.twice({}, { user: 'bob' })).calls, await walk.briefly({ user: null })],
      is: [2, [400, 'idempotency_scope_missing', undefined, 0]],
    },
    {
      row: 'unusable key',
      what: '400, and nothing reaches the service',
      see: async (walk) => {
        const told = [];
        // oxlint-disable-next-line no-await-in-loop -- calls are counted
        for (const key of ['', 'x'.repeat(256), 'a\tb', '"open', 'undefined']) told.push(await walk.briefly({ key }));
        return told;
      },
      is: Array.from({ length: 5 }, () => [400, 'idempotency_key_invalid', undefined, 0]),
    },
    {
      row: 'fingerprint',
      what: 'method, path with query, and body bytes',
      see: async (walk) => [
        await walk.briefly(),
        await walk.briefly({}, { body: '{ "a":1}' }),
        await walk.briefly({}, { target: '/orders?x=1' }),
        await walk.briefly({}, { method: 'PUT' }),
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
      what: 'in flight: 409, and to come again',
      see: async (walk) => {
        const { status, first, code, answer } = await walk.inFlight();
        return [status, first, code, answer.header('retry-after')];
      },
      is: [409, 201, 'idempotency_in_progress', ['1']],
    },
    {
      row: 'other payload',
      what: 'conflict, and the first answer stays',
      see: async (walk) => {
        const key = newKey();
        await walk.order({ key });
        const other = await walk.order({ key, body: '{"a":2}' });
        return [other.status, other.code, (await walk.order({ key })).marker];
      },
      is: [422, 'idempotency_key_reused', marker],
    },
    {
      row: 'replay',
      what: 'status, Location, ETag, Cache-Control, Content-Type and body bytes',
      see: async (walk) => {
        const key = newKey();
        const [first, again] = [await walk.order({ key }), await walk.order({ key })];
        const names = ['location', 'etag', 'cache-control', 'content-type'];
        const same = names.filter((name) => first.answer.header(name).join() === again.answer.header(name).join());
        return [first.marker, again.marker, again.status, again.answer.body.equals(first.answer.body), same];
      },
      is: [undefined, marker, 201, true, ['location', 'etag', 'cache-control', 'content-type']],
    },
    {
      row: '401, 403, 407 and other 4xx',
      what: 'released, and stored',
      see: (walk) => walk.released([400, 401, 402, 403, 404, 407, 408, 409, 422, 423, 425, 429, 431]),
      is: [401, 403, 407],
    },
    {
      row: '5xx or throw',
      what: 'the outcome is frozen, also that of a service that broke off',
      see: async (walk) => [await walk.released([500, 501, 502, 503, 504]), await walk.briefly({ target: '/?break' })],
      is: [[], [502, 'upstream_connection_lost', marker, 1]],
    },
    {
      row: 'after a crash',
      what: 'refused while the lease runs, then taken over',
      see: (walk) => walk.crash(),
      is: { early: 409, late: 201, marker: undefined, warned: true },
    },
    {
      row: 'sizes',
      what: 'a request over 2 MiB: 413; of 2 MiB: taken',
      see: async (walk) => [
        await walk.briefly({ body: Buffer.alloc(2_097_153) }),
        (await walk.order({ body: Buffer.alloc(2_097_152) })).status,
      ],
      is: [[413, 'request_too_large', undefined, 0], 201],
    },
    {
      row: 'store',
      what: "PostgreSQL, with DDL for one's own migrations: of four at once to two gateways one runs, one row",
      see: ownMigration,
      is: [1, 1, marker],
    },
    {
      row: 'beyond',
      what: 'a stale owner changes nothing, and its answer is not finished',
      see: staleOwner,
      is: [undefined, false, marker, true],
    },
  ]);
});
