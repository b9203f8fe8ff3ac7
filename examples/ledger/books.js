/**
 * The same books on three databases: two accounts and a line for each transfer. A transfer writes its line and both
 * balances in the transaction that it is handed.
 */
import { mysqlDatabase, pgDatabase, sqliteDatabase } from 'oncekey/atomic';
import { migrate as migrateMysql, mysql } from 'oncekey/mysql';
import { migrate as migratePostgres, postgres } from 'oncekey/postgres';
import { sqlite } from 'oncekey/sqlite';

const tables = [
  'CREATE TABLE IF NOT EXISTS account (name varchar(20) PRIMARY KEY, balance integer NOT NULL)',
  'CREATE TABLE IF NOT EXISTS line (number integer NOT NULL, amount integer NOT NULL)',
];
const opening = "INSERT INTO account (name, balance) VALUES ('cash', 0), ('sales', 0)";

/** Opens the books at `postgres://…`, `mysql://…` or `sqlite:PATH`, and makes their tables. */
export async function openBooks(url) {
  if (url.startsWith('postgres:')) return openPostgres(url);
  return url.startsWith('mysql:') ? openMysql(url) : openSqlite(url.replace(/^sqlite:/, ''));
}

async function openPostgres(url) {
  const { default: pg } = await import('pg');
  const pool = new pg.Pool({ connectionString: url, max: 4 });
  await migratePostgres(pool);
  for (const table of tables) await pool.query(table);
  await pool.query(`${opening} ON CONFLICT DO NOTHING`);
  const write = (tx, text, values) => tx.query(text, values);
  const post = (tx, number, amount) => transfer(write.bind(null, tx), ['$1', '$2'], number, amount);
  return { store: postgres(pool), database: pgDatabase(pool), post, close: () => pool.end() };
}

async function openMysql(url) {
  const { default: mysql2 } = await import('mysql2/promise');
  const pool = mysql2.createPool({ uri: url, connectionLimit: 4 });
  await migrateMysql(pool);
  for (const table of tables) await pool.query(table);
  await pool.query(opening.replace('INSERT', 'INSERT IGNORE'));
  const post = (tx, number, amount) => transfer(tx.query.bind(tx), ['?', '?'], number, amount);
  return { store: mysql(pool), database: mysqlDatabase(pool), post, close: () => pool.end() };
}

async function openSqlite(path) {
  const store = sqlite(path);
  await store.check();
  const { DatabaseSync } = process.getBuiltinModule?.('node:sqlite') ?? (await import('@photostructure/sqlite'));
  // A handle for transactions alone: the store has its own.
  const handle = new DatabaseSync(path);
  handle.exec('PRAGMA busy_timeout = 2000');
  for (const table of tables) handle.exec(table);
  handle.exec(`${opening} ON CONFLICT DO NOTHING`);
  const write = (text, values) => handle.prepare(text).run(...values);
  const post = (_, number, amount) => transfer(write, ['?', '?'], number, amount);
  return { store, database: sqliteDatabase(handle), post, close: () => store.close() };
}

/** Writes the line and both balances; `write` runs one statement inside the transaction. */
async function transfer(write, [first, second], number, amount) {
  await write(`INSERT INTO line (number, amount) VALUES (${first}, ${second})`, [number, amount]);
  await write(`UPDATE account SET balance = balance + ${first} WHERE name = 'cash'`, [amount]);
  await write(`UPDATE account SET balance = balance - ${first} WHERE name = 'sales'`, [amount]);
}
