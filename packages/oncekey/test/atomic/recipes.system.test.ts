/** The recipes of docs/guide/atomic.md for libraries without an adapter, held to what the adapters are held to. */
import mysql2 from 'mysql2/promise';
import pg from 'pg';
import { afterAll, beforeAll } from 'vitest';
import { outside } from '../../../../tools/outside/outside.js';
import { startMariadb } from '../../../../tools/servers/mariadb.ts';
import { startPostgres } from '../../../../tools/servers/postgres.ts';
import { serverForFile } from '../../../../tools/servers/server-for-file.ts';
import { isConflict, knexExecutor, type AtomicDatabase, type KnexTransaction } from '../../src/atomic/index.ts';
import type { Store } from '../../src/core/store.ts';
import { migrate as migrateMysql, mysql } from '../../src/stores/mysql.ts';
import { migrate, postgres } from '../../src/stores/postgres.ts';
import { describeAtomic } from './suite.ts';

// The libraries stand outside of the root lock file, so that their types are not at hand.
interface EntityManager {
  fork(): EntityManager;
  transactional<T>(act: (em: EntityManager) => Promise<T>, options: object): Promise<T>;
  getTransactionContext(): KnexTransaction;
  create(entity: object, values: object, options: object): unknown;
  flush(): Promise<void>;
}
interface Sequelize {
  transaction<T>(options: object, act: (transaction: object) => Promise<T>): Promise<T>;
  query(text: string, options: object): Promise<[unknown, unknown]>;
  close(): Promise<void>;
}
interface Recipes {
  readonly EntitySchema: new (options: object) => object;
  readonly MikroORM: { init(options: object): Promise<{ readonly em: EntityManager; close(): Promise<void> }> };
  readonly Sequelize: new (url: string, options: object) => Sequelize;
}

const server = serverForFile(() => startPostgres({ fsync: false }));
const mariadb = serverForFile(() => startMariadb());
let pool: pg.Pool;
let store: Store;
let entry: object;
let orm: Awaited<ReturnType<Recipes['MikroORM']['init']>>;
let sequelize: Sequelize;
let onMariadb: Sequelize;
let mariadbPool: mysql2.Pool;
let mariadbStore: Store;

beforeAll(async () => {
  const { url } = server();
  pool = new pg.Pool({ connectionString: url, max: 20 });
  await migrate(pool);
  store = postgres(pool);
  await pool.query('CREATE TABLE entry (name text PRIMARY KEY, amount integer)');
  const group = await outside('recipes');
  const mikro = (await group.import('@mikro-orm/postgresql')) as Recipes;
  const properties = { name: { type: 'string', primary: true }, amount: { type: 'number' } };
  entry = new mikro.EntitySchema({ name: 'Entry', tableName: 'entry', properties });
  orm = await mikro.MikroORM.init({ entities: [entry], clientUrl: url, pool: { max: 20 } });
  const sequelizes = (await group.import('sequelize')) as Recipes;
  sequelize = new sequelizes.Sequelize(url, { logging: false, pool: { max: 20 } });

  const { url: mariadbUrl } = mariadb();
  mariadbPool = mysql2.createPool({ uri: mariadbUrl, connectionLimit: 20 });
  await migrateMysql(mariadbPool as never);
  mariadbStore = mysql(mariadbPool as never);
  await mariadbPool.query('CREATE TABLE entry (name varchar(200), amount integer)');
  const { default: dialectModule } = await import('mysql2');
  onMariadb = new sequelizes.Sequelize(mariadbUrl, { dialectModule, logging: false, pool: { max: 20 } });
}, 300_000);

afterAll(async () => {
  await orm.close();
  await sequelize.close();
  await onMariadb.close();
  await pool.end();
  await mariadbPool.end();
});

async function mariadbCount(name: string): Promise<number> {
  const [rows] = await mariadbPool.query('SELECT 1 FROM entry WHERE name = ?', [name]);
  return (rows as unknown[]).length;
}

async function count(name: string): Promise<number> {
  return (await pool.query('SELECT 1 FROM entry WHERE name = $1', [name])).rows.length;
}

describeAtomic('the recipe for MikroORM', () => {
  const database: AtomicDatabase<EntityManager> = {
    isConflict,
    transaction: (act) =>
      orm.em.fork().transactional((em) => act(em, knexExecutor(em.getTransactionContext())), {
        isolationLevel: 'read committed',
      }),
  };
  const insert = async (em: EntityManager, name: string): Promise<void> => {
    em.create(entry, { name, amount: 5 }, { persist: true });
    await em.flush();
  };
  const rollBack = (em: EntityManager) => knexExecutor(em.getTransactionContext())('ROLLBACK', []);
  return { store, count, database, insert, rollBack };
});

/** `values` is how the statements' values are passed: `bind`, or `replacements` where they say `?`. */
function sequelizeRecipe(sequelize: Sequelize, values: 'bind' | 'replacements', insertText: string) {
  const query = async (text: string, given: readonly (string | null)[], transaction: object): Promise<object[]> => {
    const [rows] = await sequelize.query(text, { [values]: [...given], transaction });
    return rows as object[];
  };
  const database: AtomicDatabase<object> = {
    isConflict,
    transaction: (act) =>
      sequelize.transaction({ isolationLevel: 'READ COMMITTED' }, (transaction) =>
        act(transaction, (text, given) => query(text, given, transaction)),
      ),
  };
  const insert = (tx: object, name: string) => query(insertText, [name], tx);
  return { database, insert, rollBack: (tx: object) => query('ROLLBACK', [], tx) };
}

describeAtomic('the recipe for Sequelize', () => {
  const insertText = 'INSERT INTO entry (name, amount) VALUES ($1, 5)';
  return { store, count, ...sequelizeRecipe(sequelize, 'bind', insertText) };
});

describeAtomic('the recipe for Sequelize on MariaDB', () => {
  const insertText = 'INSERT INTO entry (name, amount) VALUES (?, 5)';
  return { store: mariadbStore, count: mariadbCount, ...sequelizeRecipe(onMariadb, 'replacements', insertText) };
});
