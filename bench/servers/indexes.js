/**
 * The store on PostgreSQL or on MariaDB in a table of its own, with the operators' indexes or
 * without. Keys are as clients make them: by chance, so that an index on them is met anywhere.
 */
import { createHash } from 'node:crypto';
import mysql2 from 'mysql2/promise';
import * as mysql from 'oncekey/mysql';
import * as postgres from 'oncekey/postgres';
import pg from 'pg';
import { body, contenderOf, headers, serve } from '../harness/contender.js';

/** @typedef {import('oncekey').Store} Store */

const [, , kind, url, which] = /** @type {[string, string, 'postgres' | 'mysql', string, 'with' | 'without']} */ (
  process.argv
);
const table = `records_${which}`;
const { store, makeTable, query } = { postgres: onPostgres, mysql: onMysql }[kind]();
const contender = contenderOf(store, makeTable);

const rareScope = ['tenant-7'];
const rareRecords = 20;
/** What people look for, and how many they find. */
const searches = {
  'one key': { ask: { key: keyOf('filled-777'), limit: 50 }, found: 1 },
  'a small tenant': { ask: { scope: rareScope, limit: 50 }, found: rareRecords },
  abandoned: { ask: { state: /** @type {const} */ ('abandoned'), limit: 50 }, found: 0 },
  'the oldest': { ask: { limit: 50 }, found: 50 },
};

serve({
  ...contender,
  claim: (key, token) => contender.claim(keyOf(key), token),
  complete: (key, token, retentionMs) => contender.complete(keyOf(key), token, retentionMs),
  holds: async (key) => (await contender.holds?.(keyOf(key))) === true,
  // What is in one table the server copies to the other.
  ...(which === 'with' ? { fill: async () => {} } : {}),
  async settle() {
    if (which === 'with') await query(`INSERT INTO ${table} SELECT * FROM records_without`);
    else await makeRare();
    if (kind === 'postgres') for (const text of [`VACUUM ANALYZE ${table}`, 'CHECKPOINT']) await query(text);
    else await query(`ANALYZE TABLE ${table}`);
  },
  async list(what) {
    const { ask, found } = searches[/** @type {keyof typeof searches} */ (what)];
    const page = await store.list?.(ask);
    if (page?.records.length !== found) throw new Error(`${what}: ${page?.records.length} records instead of ${found}`);
  },
});

/** @param {string} key */
function keyOf(key) {
  return createHash('sha256').update(key).digest('hex').slice(0, 32);
}

async function makeRare() {
  for (let number = 0; number < rareRecords; number += 1) {
    const key = keyOf(`rare-${number}`);
    const labels = { scope: rareScope, operation: null, key, owner: null, method: null, path: null, eventId: null };
    const ask = { id: key.repeat(2), token: key, fingerprint: null, leaseMs: 30_000, keepMs: null, labels };
    await store.claim({ ...ask, ifAbandoned: 'rerun' });
    await store.complete({ ...ask, outcome: { kind: 'answer', status: 200, headers, body }, retentionMs: null });
  }
}

function onPostgres() {
  const pool = new pg.Pool({ connectionString: url, max: 10 });
  return {
    /** @type {Store} */
    store: postgres.postgres(pool, { table, statementTimeoutMs: 60_000 }),
    async makeTable() {
      await postgres.migrate(pool, { table });
      if (which === 'with') await pool.query(postgres.schemaFor({ table }).operators.up);
    },
    query: (/** @type {string} */ text) => pool.query(text),
  };
}

function onMysql() {
  const pool = mysql2.createPool({ uri: url, connectionLimit: 10 });
  return {
    /** @type {Store} */
    store: mysql.mysql(pool, { table, statementTimeoutMs: 60_000 }),
    async makeTable() {
      await mysql.migrate(pool, { table, operators: which === 'with' });
    },
    query: (/** @type {string} */ text) => pool.query(text),
  };
}
