/**
 * One process of the tests that share a PostgreSQL. Takes its task as JSON in the first
 * argument and prints one JSON line; stands on the build, as users do.
 */
import { createHash, randomUUID } from 'node:crypto';
import pg from 'pg';
import { postgres } from '../../../dist/stores/postgres.js';

const { task, url, calls, keys, leaseMs = 30_000, startAtMs = 0 } = JSON.parse(process.argv[2] ?? '{}');
const pool = new pg.Pool({ connectionString: url });
const store = postgres(pool, { statementTimeoutMs: 30_000 });
const labels = { scope: [], operation: null, key: '', owner: null, method: null, path: null, eventId: null };

async function claim(key) {
  const id = createHash('sha256').update(key).digest('hex');
  const token = randomUUID();
  return store.claim({ id, token, fingerprint: null, leaseMs, ifAbandoned: 'rerun', keepMs: null, labels });
}

function tell(value) {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

await store.check();
while (Date.now() < startAtMs) await new Promise((resolve) => setTimeout(resolve, 1));
const answers = await Promise.all(Array.from({ length: calls }, (_, index) => claim(`key-${index % keys}`)));
tell(answers.map(({ kind }) => kind));
if (task === 'hang') setInterval(() => {}, 1000);
else await pool.end();
