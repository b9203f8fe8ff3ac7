/** The tables of the PostgreSQL store: where they are, what they refuse, how they are searched, and that no plan depends on statistics. */
import { PGlite } from '@electric-sql/pglite';
import type pg from 'pg';
import type { Sql } from 'postgres';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  type PostgresClient,
  type PostgresConnection,
  migrate,
  postgres,
  schema,
  schemaFor,
} from '../../src/stores/postgres.ts';
import { answerOf, askFor } from './postgres/setting.ts';

// A server in this thread: beside other work it takes its time.
vi.setConfig({ testTimeout: 60_000 });

let db: PGlite;
beforeAll(async () => {
  db = new PGlite();
  await db.waitReady;
}, 60_000);
afterAll(() => db.close());

beforeEach(async () => {
  await db.exec('DROP SCHEMA public CASCADE; CREATE SCHEMA public; DROP SCHEMA IF EXISTS ops CASCADE');
}, 60_000);

async function rowsOf(text: string): Promise<unknown[]> {
  return (await db.query(text)).rows;
}

const tables = "SELECT count(*)::int AS count FROM pg_class WHERE relname LIKE 'oncekey%' OR relname LIKE 'once%'";

/** Compiles only while the real clients fit what the store describes. */
export function clientsFit(pool: pg.Pool, client: pg.Client, tag: Sql, lite: PGlite): PostgresClient[] {
  return [pool, client, tag, lite];
}

describe('the tables', () => {
  it('are made once, also by several at the same time, and removed without a trace', async () => {
    const kinds = await Promise.all([migrate(db), migrate(db), migrate(db)]);
    expect(kinds.filter(({ kind }) => kind === 'migrated')).toHaveLength(1);
    expect(await migrate(db)).toEqual({ kind: 'current' });
    await db.exec(schema.operators.up);
    await db.exec(schema.operators.down);
    await db.exec(schema.down);
    expect(await rowsOf(tables)).toEqual([{ count: 0 }]);
    await db.exec(schema.up);
    await postgres(db).check();
  });

  it('may have another name and another schema, beside each other', async () => {
    await db.exec('CREATE SCHEMA ops');
    const [one, two] = [{ schema: 'ops', table: 'Once' }, { table: 'once' }];
    await migrate(db, one);
    await migrate(db, two);
    const ask = askFor('k');
    expect(await postgres(db, one).claim(ask)).toMatchObject({ kind: 'granted' });
    expect(await postgres(db, two).read(ask.id)).toBeUndefined();
    expect(await rowsOf('SELECT key FROM ops."Once_view"')).toEqual([{ key: 'k' }]);
    await db.exec(schemaFor(one).operators.up);
    await db.exec(schemaFor(one).operators.down);
    await db.exec(schemaFor(one).down);
  });

  it.each([
    [{ table: 'a"; DROP TABLE x; --' }, /table/],
    [{ table: '' }, /table/],
    [{ table: 'a'.repeat(49) }, /table must be 1 to 48/],
    [{ schema: 'a.b' }, /schema/],
    [{ schema: 'a b' }, /schema/],
  ])('refuse the name %j', (options, says) => {
    expect(() => postgres(db, options)).toThrow(says);
    expect(() => schemaFor(options)).toThrow(says);
  });

  it('are asked for by name when they are missing, and found once they are there', async () => {
    const store = postgres(db);
    const missing = {
      code: 'store_unusable',
      message: /no table "oncekey_records_schema".*oncekey migrate/ as unknown,
    };
    await expect(store.check()).rejects.toThrow(/no table "oncekey_records_schema".*oncekey migrate/);
    await expect(store.claim(askFor('k'))).rejects.toMatchObject({ code: missing.code });
    await migrate(db);
    expect(await store.claim(askFor('k'))).toMatchObject({ kind: 'granted' });
  });

  it('of a newer version are refused with both numbers, by every call', async () => {
    await migrate(db);
    await db.exec('UPDATE oncekey_records_schema SET version = 9');
    const store = postgres(db);
    const says = /schema version 9, this program knows up to 1/;
    await expect(store.check()).rejects.toThrow(says);
    await expect(store.claim(askFor('k'))).rejects.toThrow(says);
    await expect(store.list({ limit: 1 })).rejects.toThrow(says);
    await expect(migrate(db)).rejects.toThrow(says);
  });

  it.each([
    ['an outcome while in progress', "outcome_kind = 'failure'"],
    ['a completion without an outcome', "state = 'completed', lease_end = NULL"],
    ['a state that there is not', "state = 'paused'"],
  ])('refuse %s', async (_what, change) => {
    await migrate(db);
    await postgres(db).claim(askFor('k'));
    await expect(db.exec(`UPDATE oncekey_records SET ${change}`)).rejects.toMatchObject({ code: '23514' });
  });

  it.each([
    ['other bytes than were stored', "body = 'other'"],
    ['another status', 'status = 202'],
    ['another header', `headers = '[["x","y"]]'`],
    ['a kind that this version does not know', "outcome_kind = 'novel'"],
    ["another record's outcome", 'outcome_crc32 = outcome_crc32 + 1'],
  ])('with %s fail closed', async (_what, change) => {
    await migrate(db);
    const store = postgres(db);
    const ask = askFor('k');
    await store.claim(ask);
    await store.complete({ ...ask, outcome: answerOf('done'), retentionMs: null });
    await db.exec(`UPDATE oncekey_records SET ${change}`);
    const unreadable = { code: 'record_unreadable' };
    await expect(store.claim(askFor('k'))).rejects.toMatchObject(unreadable);
    await expect(store.read(ask.id)).rejects.toMatchObject(unreadable);
    await expect(store.list({ limit: 5 })).rejects.toMatchObject(unreadable);
    expect(await store.erase(ask.id, null)).toEqual({ kind: 'erased' });
    expect(await store.claim(askFor('k'))).toMatchObject({ kind: 'completed', outcome: { reason: 'erased' } });
  });

  it('show JSON bodies to SQL and leave their bytes alone', async () => {
    await migrate(db);
    const store = postgres(db);
    const bodies = ['{"b": 1.50,\n "a": [1e2]}', 'plain', '\u0000', '{"a":"\\u0000"}', ''];
    for (const [index, body] of bodies.entries()) {
      const ask = askFor(`k${index}`);
      await store.claim(ask);
      await store.complete({ ...ask, outcome: answerOf(body), retentionMs: null });
      expect((await store.read(ask.id))?.outcome).toEqual(answerOf(body));
    }
    const found = await rowsOf(
      `SELECT key, body_json->'a'->>0 AS first FROM oncekey_records_view WHERE body_json ? 'b'`,
    );
    expect(found).toEqual([{ key: 'k0', first: '100' }]);
    expect(await rowsOf('SELECT count(*)::int AS none FROM oncekey_records_view WHERE body_json IS NULL')).toEqual([
      { none: 4 },
    ]);
  });

  it('keep labels that PostgreSQL cannot store readable', async () => {
    await migrate(db);
    const store = postgres(db);
    const labels = { ...askFor('').labels, key: 'a\0b', scope: ['\0'], owner: '\ud800' };
    const ask = askFor('k', { labels });
    expect(await store.claim(ask)).toMatchObject({ kind: 'granted' });
    expect((await store.read(ask.id))?.labels).toMatchObject({ key: 'a\ufffdb', scope: ['\ufffd'] });
  });
});

describe('plans', () => {
  /** Asks for the plan of every statement before it runs. */
  function planning(plans: string[]): PostgresConnection {
    return {
      async query(text, parameters) {
        if (/FROM asked|\$1/.test(text)) {
          const { rows } = await db.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${text}`, parameters);
          plans.push(rows.map((row) => row['QUERY PLAN']).join('\n'));
        }
        return db.query(text, parameters);
      },
    };
  }

  it.each([
    ['that nobody has analysed', ''],
    ['that was analysed while it was empty', 'VACUUM ANALYZE oncekey_records'],
  ])(
    'find records by the index in a table %s',
    async (_which, analyse) => {
      await migrate(db);
      if (analyse !== '') await db.exec(analyse);
      const plans: string[] = [];
      const store = postgres(planning(plans));
      const several = async (from: number, count: number): Promise<void> => {
        const asks = Array.from({ length: count }, (_, index) => askFor(`k${from + index}`));
        await Promise.all(asks.map((ask) => store.claim(ask)));
        const retentionMs = null;
        await Promise.all(
          asks.map((ask) => store.complete({ ...ask, outcome: answerOf('y'.repeat(300)), retentionMs })),
        );
        await Promise.all(asks.map((ask) => store.claim({ ...ask, token: 'again' })));
      };
      for (let from = 0; from < 4000; from += 400) await several(from, 400);
      plans.length = 0;
      await several(4000, 300);
      await several(4300, 1);
      expect(plans.length).toBeGreaterThan(6);
      for (const plan of plans) {
        expect(plan).not.toMatch(/Seq Scan on oncekey_records/);
        expect(plan).toMatch(/oncekey_records_pkey|Insert on oncekey_records/);
      }
    },
    60_000,
  );
});
