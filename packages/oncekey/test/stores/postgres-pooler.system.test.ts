/**
 * Holds the PostgreSQL store behind a real PgBouncer in transaction mode to what it is held to in front of the server: the
 * contract, one grant a key, one effect of a transaction; and nothing piles up in the sessions that all clients share.
 */
import pg from 'pg';
import postgresTag from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startPgbouncer } from '../../../../tools/servers/pgbouncer.ts';
import { startPostgres } from '../../../../tools/servers/postgres.ts';
import type { Server } from '../../../../tools/servers/server.ts';
import { serverForFile } from '../../../../tools/servers/server-for-file.ts';
import { skipReason } from '../../../../tools/servers/stores-under-test.ts';
import { pgDatabase } from '../../src/atomic/index.ts';
import { createOnce } from '../../src/index.ts';
import { type PostgresClient, migrate, postgres } from '../../src/stores/postgres.ts';
import { storeContract } from '../../src/testing/store-contract.ts';
import { skipLoudly } from '../support/skip-loudly.ts';
import { answerOf, askFor, newDatabase } from './postgres/setting.ts';

const reason = skipReason('postgres', 'pgbouncer');
if (reason !== undefined) process.stderr.write(`skipped: PostgreSQL behind PgBouncer: ${reason}\n`);

/** Connections of the pooler with the server. */
const sessions = 4;
const clients = {
  pg: (url: string) => new pg.Pool({ connectionString: url, max: 10 }),
  postgres: (url: string) => postgresTag(url, { max: 10 }),
} satisfies Record<string, (url: string) => PostgresClient>;
const names = ['pg', 'postgres'] as const;

/** How many statements each session with the server keeps prepared. */
async function preparedBySession(url: string): Promise<number[]> {
  const held = Array.from({ length: sessions }, () => new pg.Client({ connectionString: url }));
  const counts = await Promise.all(
    held.map(async (client) => {
      await client.connect();
      // A transaction keeps its session until it ends.
      await client.query('BEGIN');
      const { rows } = await client.query<{ name: string }>('SELECT name FROM pg_prepared_statements');
      return rows.length;
    }),
  );
  await Promise.all(held.map((client) => client.end()));
  return counts;
}

/** Storms of duplicates, and many keys at once, over two pools. */
async function holdsOverTwoPools(name: (typeof names)[number], url: string): Promise<void> {
  const pools = [clients[name](url), clients[name](url)] as const;
  const [one, other] = [postgres(pools[0]), postgres(pools[1])];
  const storeAt = (index: number): typeof one => (index % 2 === 0 ? one : other);
  for (let storm = 0; storm < 20; storm++) {
    const asks = Array.from({ length: 100 }, () => askFor(`${name}-storm-${storm}`));
    const answers = await Promise.all(asks.map((ask, index) => storeAt(index).claim(ask)));
    const [owner, ...others] = asks.filter((_, index) => answers[index]?.kind === 'granted');
    if (owner === undefined) throw new Error('nobody was granted the key');
    expect(others).toEqual([]);
    const outcome = answerOf(`${name} ${storm}`);
    expect(await other.complete({ ...owner, outcome, retentionMs: null })).toMatchObject({ kind: 'stored' });
    const replays = await Promise.all(asks.map((ask, index) => storeAt(index).claim({ ...ask, token: 'again' })));
    for (const replay of replays) expect(replay).toMatchObject({ kind: 'completed', outcome });
  }
  const pair = async (key: string, index: number): Promise<string> => {
    const ask = askFor(key);
    await storeAt(index).claim(ask);
    return (await storeAt(index).complete({ ...ask, outcome: answerOf(key), retentionMs: null })).kind;
  };
  for (let round = 0; round < 100; round++) {
    const keys = Array.from({ length: 24 }, (_, index) => `${name}-many-${round}-${index}`);
    expect(new Set(await Promise.all(keys.map(pair)))).toEqual(new Set(['stored']));
  }
  await Promise.all(pools.map((pool) => pool.end()));
}

describe.skipIf(reason !== undefined)(
  `PgBouncer before PostgreSQL${reason === undefined ? '' : ` (${reason})`}`,
  () => {
    const server = serverForFile(() => startPostgres({ fsync: false }));
    let pooler: Server;
    let pool: pg.Pool;
    let tag: postgresTag.Sql;

    beforeAll(async () => {
      pooler = await startPgbouncer(server().port, { poolSize: sessions });
      [pool, tag] = [clients.pg(pooler.url), clients.postgres(pooler.url)];
      await migrate(pool);
    }, 600_000);

    afterAll(async () => {
      await Promise.all([pool.end(), tag.end()]);
      await pooler.stop();
    });

    it('deals statements out to different sessions', async () => {
      const asked = Array.from({ length: 40 }, () =>
        pool.query<{ id: number }>('SELECT pg_backend_pid() AS id, pg_sleep(0.01)'),
      );
      const seen = (await Promise.all(asked)).flatMap(({ rows }) => rows);
      expect(new Set(seen.map(({ id }) => id)).size).toBeGreaterThan(1);
    });

    describe.each(names)('with %s', (name) => {
      const open = async () => {
        const store = postgres(name === 'pg' ? pool : tag);
        return { store, close: () => store.close() };
      };
      it.concurrent.each(storeContract(open))('$id: $name', async (contractCase) => {
        expect(await contractCase.run()).toEqual({ kind: 'passed' });
      });

      it('grants each key once over two pools, and leaves no pile of prepared statements', async () => {
        await holdsOverTwoPools(name, pooler.url);
        for (const count of await preparedBySession(pooler.url)) expect(count).toBeLessThan(40);
      });

      it('the same where the pooler follows what is prepared', async (context) => {
        const own = await newDatabase(server().url);
        const following = await startPgbouncer(server().port, { poolSize: sessions, followsPrepared: true }).catch(
          (error: unknown) => skipLoudly(context, String(error)),
        );
        const url = following.url.replace(/\/postgres$/, new URL(own).pathname);
        await holdsOverTwoPools(name, url);
        for (const count of await preparedBySession(url)) expect(count).toBeLessThan(200);
        await following.stop();
      });
    });

    it('a transaction and its record are one, whichever session the next one gets', async () => {
      await pool.query('CREATE TABLE entry (key text)');
      const other = clients.pg(pooler.url);
      const once = createOnce({ store: postgres(pool) });
      const post = async (key: string, index: number): Promise<string> => {
        const database = pgDatabase(index < 100 ? pool : other);
        const { status } = await once.atomic(database, { scope: ['acme'], key }, async (tx) => {
          await tx.query('INSERT INTO entry VALUES ($1)', [key]);
          return key;
        });
        return status;
      };
      const keys = Array.from({ length: 200 }, (_, index) => `entry-${index % 100}`);
      const settled = await Promise.allSettled(keys.map(post));
      expect(settled.filter((one) => one.status === 'fulfilled' && one.value === 'executed')).toHaveLength(100);
      const { rows } = await pool.query<{ times: number }>('SELECT count(*)::integer AS times FROM entry GROUP BY key');
      expect(rows).toEqual(Array.from({ length: 100 }, () => ({ times: 1 })));
      await other.end();
    });
  },
);

describe.skipIf(skipReason('postgres') !== undefined)('no pooler', () => {
  const server = serverForFile(() => startPostgres({ fsync: false }));

  it('the tag of postgres keeps statements prepared', async () => {
    const tag = postgresTag(await newDatabase(server().url), { max: 1 });
    await postgres(tag).claim(askFor('kept'));
    expect(
      await tag`SELECT 1 FROM pg_prepared_statements WHERE statement LIKE 'INSERT INTO%oncekey_records%'`,
    ).toHaveLength(1);
    await tag.end();
  });
});
