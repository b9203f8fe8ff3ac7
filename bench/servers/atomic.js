/**
 * A business transaction on PostgreSQL, a line and two balances, in atomic mode or by itself:
 * the same statements through the same pool of `pg`.
 */
import pg from 'pg';
import { createOnce } from 'oncekey';
import { pgDatabase } from 'oncekey/atomic';
import { migrate, postgres } from 'oncekey/postgres';
import { serve } from '../harness/contender.js';

const accounts = 10_000;
const [, , kind, url] = /** @type {[string, string, 'library' | 'bare', string]} */ (process.argv);
const pool = new pg.Pool({ connectionString: url, max: 64 });
// Each its own books, so that neither finds the other's rows.
const [account, line] = [`account_${kind}`, `line_${kind}`];
const run = kind === 'library' ? library() : bare();

serve({
  async open() {
    await migrate(pool);
    await pool.query(`CREATE TABLE ${account} (number integer PRIMARY KEY, balance bigint NOT NULL)`);
    await pool.query(`CREATE TABLE ${line} (name text NOT NULL, amount integer NOT NULL)`);
    await pool.query(`INSERT INTO ${account} SELECT number, 0 FROM generate_series(0, ${accounts - 1}) AS number`);
  },
  async claim(key) {
    await run(key);
    return true;
  },
  // The transaction was all of it.
  async complete() {},
});

/**
 * @param {pg.ClientBase} tx
 * @param {string} key
 */
async function transfer(tx, key) {
  const [from, to] = [random(), random()].sort((one, other) => one - other);
  await tx.query(`INSERT INTO ${line} (name, amount) VALUES ($1, 5)`, [key]);
  await tx.query(`UPDATE ${account} SET balance = balance - 5 WHERE number = $1`, [from]);
  await tx.query(`UPDATE ${account} SET balance = balance + 5 WHERE number = $1`, [to]);
}

function random() {
  return Math.floor(Math.random() * accounts);
}

function library() {
  const once = createOnce({ store: postgres(pool) });
  const database = pgDatabase(pool);
  return async (/** @type {string} */ key) => {
    const call = { scope: ['bench'], operation: 'transfer', key, input: { amount: 5 } };
    const { status } = await once.atomic(database, call, async (tx) => {
      await transfer(/** @type {pg.ClientBase} */ (/** @type {unknown} */ (tx)), key);
      return { posted: key };
    });
    if (status !== 'executed') throw new Error('a fresh key was not executed');
  };
}

function bare() {
  return async (/** @type {string} */ key) => {
    const client = await pool.connect();
    try {
      await client.query('BEGIN');
      await transfer(client, key);
      await client.query('COMMIT');
    } finally {
      client.release();
    }
  };
}
