/** Atomic mode on a real MariaDB through each library that has an adapter. */
import mariadb from 'mariadb';
import mysql2 from 'mysql2/promise';
import { afterAll, beforeAll } from 'vitest';
import { outside, type OutsideGroup } from '../../../../tools/outside/outside.js';
import { startMariadb } from '../../../../tools/servers/mariadb.ts';
import { serverForFile } from '../../../../tools/servers/server-for-file.ts';
import * as atomic from '../../src/atomic/index.ts';
import type { Store } from '../../src/core/store.ts';
import type { AtomicDatabase } from '../../src/atomic/database.ts';
import { migrate, mysql } from '../../src/stores/mysql.ts';
import { describeAtomic } from './suite.ts';

const server = serverForFile(() => startMariadb());
const insertText = 'INSERT INTO entry (name, amount) VALUES (?, 5)';
const closers: (() => unknown)[] = [];
let pool: mysql2.Pool;
let store: Store;
let group: OutsideGroup;

beforeAll(async () => {
  pool = mysql2.createPool({ uri: server().url, connectionLimit: 20 });
  await migrate(pool as never);
  store = mysql(pool as never);
  await pool.query('CREATE TABLE entry (name varchar(200), amount integer)');
  group = await outside('orms');
}, 300_000);

afterAll(async () => {
  for (const close of closers) await close();
  await pool.end();
});

async function count(name: string): Promise<number> {
  const [rows] = await pool.query('SELECT 1 FROM entry WHERE name = ?', [name]);
  return (rows as unknown[]).length;
}

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

for (const [name, setting] of [
  ['mysql2', {}],
  ['mysql2 with rows as lists', { rowsAsArray: true }],
  ['mysql2 with rows by table', { nestTables: true }],
] as const)
  describeLibrary(name, async () => {
    const own = mysql2.createPool({ uri: server().url, connectionLimit: 20, ...setting });
    closers.push(() => own.end());
    return {
      database: atomic.mysqlDatabase(own),
      insert: (tx, entry) => tx.query(insertText, [entry]),
      rollBack: (tx) => tx.query('ROLLBACK'),
    };
  });

for (const [name, setting] of [
  ['mariadb', ''],
  ['mariadb with rows as lists', '&rowsAsArray=true'],
  ['mariadb with rows by table', '&nestTables=true'],
] as const)
  describeLibrary(name, async () => {
    const own = mariadb.createPool(`${server().url.replace('mysql:', 'mariadb:')}?connectionLimit=20${setting}`);
    closers.push(() => own.end());
    return {
      database: atomic.mysqlDatabase(own),
      insert: (tx, entry) => tx.query(insertText, [entry]),
      rollBack: (tx) => tx.query('ROLLBACK'),
    };
  });

describeLibrary('Kysely', async () => {
  const { Kysely, MysqlDialect } = (await group.import('kysely')) as Record<string, new (options: object) => Any>;
  const { createPool } = await import('mysql2');
  const own = createPool({ uri: server().url, connectionLimit: 20 });
  closers.push(() => own.promise().end());
  const db = new Kysely!({
    dialect: new MysqlDialect!({ pool: own }),
  }) as atomic.KyselyDatabase<atomic.KyselyTransaction>;
  return {
    database: atomic.kyselyDatabase(db),
    insert: (tx, name) => atomic.kyselyExecutor(tx)(insertText, [name]),
    rollBack: (tx) => atomic.kyselyExecutor(tx)('ROLLBACK', []),
  };
});

type KnexTx = atomic.KnexTransaction & ((table: string) => { insert(row: object): PromiseLike<unknown> });

describeLibrary('Knex', async () => {
  const { default: knex } = (await group.import('knex')) as { default: (options: object) => Any };
  const db = knex({ client: 'mysql2', connection: server().url, pool: { max: 20 } }) as atomic.KnexDatabase<KnexTx> & {
    destroy(): Promise<void>;
  };
  closers.push(() => db.destroy());
  return {
    database: atomic.knexDatabase(db),
    insert: (tx, name) => Promise.resolve(tx('entry').insert({ name, amount: 5 })),
    rollBack: (tx) => Promise.resolve(tx.raw('ROLLBACK', [])),
  };
});

describeLibrary('Drizzle', async () => {
  const { drizzle } = (await group.import('drizzle-orm/mysql2')) as { drizzle: (client: unknown) => Any };
  const { sql } = (await group.import('drizzle-orm')) as { sql: atomic.DrizzleSql<unknown> };
  const db = drizzle(pool) as atomic.DrizzleDatabase<atomic.DrizzleTransaction<unknown>>;
  return {
    database: atomic.drizzleDatabase(db, sql),
    insert: (tx, name) => Promise.resolve(tx.execute(sql`INSERT INTO entry (name, amount) VALUES (${name}, 5)`)),
    rollBack: (tx) => Promise.resolve(tx.execute(sql`ROLLBACK`)),
  };
});

describeLibrary('TypeORM', async () => {
  await group.import('reflect-metadata');
  const { DataSource } = (await group.import('typeorm')) as { DataSource: new (options: object) => Any };
  const source = new DataSource({ type: 'mysql', url: server().url, poolSize: 20 }) as TypeormSource;
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
