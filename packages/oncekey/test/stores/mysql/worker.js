/**
 * One process of the tests that share a server. Takes its task as JSON in the first argument
 * and prints one JSON line; stands on the build, as users do.
 */
import { createHash, randomUUID } from 'node:crypto';
import mysql2 from 'mysql2/promise';
import { mysql } from '../../../dist/stores/mysql.js';

const { port, keys, each, startAtMs } = JSON.parse(process.argv[2] ?? '{}');
const pool = mysql2.createPool({ host: '127.0.0.1', port, user: 'root', database: 'oncekey', connectionLimit: 10 });
const store = mysql(pool);
const labels = { scope: [], operation: null, key: '', owner: null, method: null, path: null, eventId: null };
const ask = { fingerprint: null, leaseMs: 30_000, ifAbandoned: 'rerun', keepMs: null, labels };

await store.check();
while (Date.now() < startAtMs) await new Promise((resolve) => setTimeout(resolve, 1));
const asks = Array.from({ length: each * keys }, (_, index) => {
  const id = createHash('sha256')
    .update(`key-${index % keys}`)
    .digest('hex');
  return { ...ask, id, token: randomUUID() };
});
const answers = await Promise.all(asks.map((one) => store.claim(one)));
process.stdout.write(`${JSON.stringify(answers.map(({ kind }) => kind))}\n`);
await pool.end();
