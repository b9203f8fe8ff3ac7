/** Atomic mode on a real PostgreSQL through each library that has an adapter. */
import pg from 'pg';
import postgresJs from 'postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { outside, type OutsideGroup } from '../../../../tools/outside/outside.js';
import { startPostgres } from '../../../../tools/servers/postgres.ts';
import { serverForFile } from '../../../../tools/servers/server-for-file.ts';
import * as atomic from '../../src/atomic/index.ts';
import type { Store } from '../../src/core/store.ts';
import { createOnce } from '../../src/index.ts';
import type { AtomicDatabase } from '../../src/atomic/database.ts';
import { migrate, postgres } from '../../src/stores/postgres.ts';
import { describeAtomic } from './suite.ts';

const server = serverForFile(() => startPostgres({ fsync: false }));
const insertText = 'INSERT INTO entry (name, amount) VALUES ($1, 5)';
const closers: (() => unknown)[] = [];
let pool: pg.Pool;
let store: Store;
let group: OutsideGroup;

beforeAll(async () => {
  pool = new pg.Pool({ connectionString: server().url, max: 20 });
  await migrate(pool);
  store = postgres(pool);
  await pool.query('CREATE TABLE entry (name text, amount integer)');
  group = await outside('orms');
}, 300_000);

afterAll(async () => {
  for (const close of closers) await close();
  await pool.end();
});

async function count(name: string): Promise<number> {
  return (await pool.query('SELECT 1 FROM entry WHERE name = $1', [name])).rows.length;
}

/** A library is opened at its first use: only then is the server there. */
function lazily<T>(open: () => T): () => T {
  let opened: T | undefined;
  return () => (opened ??= open());
}

describeAtomic('pg', () => ({
  store,
  count,
  database: atomic.pgDatabase(pool),
  insert: (tx, name) => tx.query(insertText, [name]),
  rollBack: (tx) => tx.query('ROLLBACK'),
}));

const tag = lazily(() => {
  const sql = postgresJs(server().url, { max: 20, onnotice: () => undefined });
  closers.push(() => sql.end());
  return sql;
});

describeAtomic('postgres', () => ({
  store,
  count,
  database: atomic.postgresJsDatabase(tag()),
  insert: (tx, name) => tx.unsafe(insertText, [name]),
  rollBack: (tx) => tx.unsafe('ROLLBACK'),
}));

test('what the server refuses at the commit is thrown, and the work has run once', async () => {
  await pool.query('CREATE TABLE seat (number integer UNIQUE DEFERRABLE INITIALLY DEFERRED)');
  const once = createOnce({ store });
  const call = { scope: ['acme'], key: 'seats' };
  let runs = 0;
  const twice = once.atomic(atomic.postgresJsDatabase(tag()), call, async (tx) => {
    runs += 1;
    await tx`INSERT INTO seat VALUES (1), (1)`;
  });
  await expect(twice).rejects.toMatchObject({ code: '23505', table_name: 'seat' });
  expect([runs, await once.get(call)]).toEqual([1, undefined]);
});

// The libraries below are installed outside of the root lock file, so that their types are not at hand.
interface Library<Tx> {
  readonly database: AtomicDatabase<Tx>;
  insert(tx: Tx, name: string): Promise<unknown>;
  rollBack(tx: Tx): Promise<unknown>;
}

function describeLibrary<Tx>(name: string, open: () => Promise<Library<Tx>>): void {
  let library: Library<Tx>;
  beforeAll(async () => {
    group ??= await outside('orms');
    library = await open();
  }, 300_000);
  describeAtomic(name, () => ({ store, count, ...library }));
}

type Any = never;

describeLibrary('Kysely', () => kysely());
describeLibrary('Kysely with plugins', () => kysely('CamelCasePlugin', 'ParseJSONResultsPlugin'));

async function kysely(...plugins: readonly string[]): Promise<Library<atomic.KyselyTransaction>> {
  const made = (await group.import('kysely')) as Record<string, new (options?: object) => Any>;
  const { Kysely, PostgresDialect } = made;
  const own = new pg.Pool({ connectionString: server().url, max: 20 });
  const db = new Kysely!({
    dialect: new PostgresDialect!({ pool: own }),
    plugins: plugins.map((name) => new made[name]!()),
  }) as atomic.KyselyDatabase<atomic.KyselyTransaction>;
  closers.push(() => own.end());
  return {
    database: atomic.kyselyDatabase(db),
    insert: (tx, name) => atomic.kyselyExecutor(tx)(insertText, [name]),
    rollBack: (tx) => atomic.kyselyExecutor(tx)('ROLLBACK', []),
  };
}

describeLibrary('Knex', async () => {
  const { default: knex } = (await group.import('knex')) as { default: (options: object) => Any };
  const db = knex({ client: 'pg', connection: server().url, pool: { max: 20 } }) as atomic.KnexDatabase<KnexTx> & {
    destroy(): Promise<void>;
  };
  closers.push(() => db.destroy());
  return {
    database: atomic.knexDatabase(db),
    insert: (tx, name) => Promise.resolve(tx('entry').insert({ name, amount: 5 })),
    rollBack: (tx) => Promise.resolve(tx.raw('ROLLBACK', [])),
  };
});

type KnexTx = atomic.KnexTransaction & ((table: string) => { insert(row: object): PromiseLike<unknown> });

describeLibrary('Drizzle', async () => {
  const { drizzle } = (await group.import('drizzle-orm/node-postgres')) as { drizzle: (client: unknown) => Any };
  const { sql } = (await group.import('drizzle-orm')) as { sql: atomic.DrizzleSql<unknown> };
  const own = new pg.Pool({ connectionString: server().url, max: 20 });
  closers.push(() => own.end());
  const db = drizzle(own) as atomic.DrizzleDatabase<atomic.DrizzleTransaction<unknown>>;
  return {
    database: atomic.drizzleDatabase(db, sql),
    insert: (tx, name) => Promise.resolve(tx.execute(sql`INSERT INTO entry (name, amount) VALUES (${name}, 5)`)),
    rollBack: (tx) => Promise.resolve(tx.execute(sql`ROLLBACK`)),
  };
});

describeLibrary('TypeORM', async () => {
  await group.import('reflect-metadata');
  const { DataSource } = (await group.import('typeorm')) as { DataSource: new (options: object) => Any };
  const source = new DataSource({ type: 'postgres', url: server().url, poolSize: 20 }) as TypeormSource;
  await source.initialize();
  closers.push(() => source.destroy());
  return {
    database: atomic.typeormDatabase(source),
    insert: (manager, name) => manager.query(insertText, [name]),
    rollBack: (manager) => manager.query('ROLLBACK'),
  };
});

type TypeormSource = atomic.TypeormDataSource<atomic.TypeormManager> & {
  initialize(): Promise<unknown>;
  destroy(): Promise<void>;
};
