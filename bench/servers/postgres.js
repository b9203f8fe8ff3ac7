/**
 * Claim and complete on PostgreSQL, and replays, by the library's store or by hand: what a
 * careful engineer writes, one statement a call, an upsert that claims or takes over. Same
 * client (`pg`), same pool, same 300-byte answers.
 */
import { createHash, randomUUID } from 'node:crypto';
import { migrate, postgres, schema } from 'oncekey/postgres';
import pg from 'pg';

/**
 * @typedef {object} Contender
 * @property {(operators: boolean) => Promise<void>} open Makes its tables anew, with the operators' indexes or without.
 * @property {(key: string) => Promise<boolean>} claim Whether it was granted; false when it was told the outcome.
 * @property {(key: string) => Promise<void>} complete
 *
 * @typedef {object} Ask
 * @property {'open' | 'pairs' | 'replays'} task
 * @property {number} concurrency
 * @property {number} durationMs
 * @property {boolean} [operators]
 */

const body = Buffer.from(JSON.stringify({ id: 'ch_1', note: 'y'.repeat(300 - 24) }));
const headers = /** @type {const} */ ([['content-type', 'application/json']]);
const headText = JSON.stringify(headers);
const [, , kind, url] = /** @type {[string, string, 'library' | 'hand', string]} */ (process.argv);
const pool = new pg.Pool({ connectionString: url, max: 10 });
const contender = kind === 'library' ? library() : hand();
const replayedKeys = 10_000;
/** @type {Map<string, string>} */
const tokens = new Map();
let nextKey = 0;
let completedKeys = 0;

process.on('message', (/** @type {Ask} */ ask) => {
  const answer = ask.task === 'open' ? contender.open(ask.operators === true).then(() => ({})) : measure(ask);
  answer.then(
    (value) => process.send?.(value),
    (/** @type {Error} */ error) => process.send?.({ error: error.message }),
  );
});
process.on('disconnect', () => process.exit());
process.send?.({ ready: true });

/** @param {Ask} ask */
async function measure({ task, concurrency, durationMs }) {
  if (task === 'replays') await prepareReplays();
  const act = task === 'replays' ? replay : pair;
  /** @type {number[]} */
  const latencies = [];
  const cpuBefore = process.cpuUsage();
  const started = performance.now();
  const worker = async () => {
    for (let now = performance.now(); now - started < durationMs;) {
      await act();
      const then = now;
      now = performance.now();
      latencies.push(now - then);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  const elapsedMs = performance.now() - started;
  const { user, system } = process.cpuUsage(cpuBefore);
  latencies.sort((a, b) => a - b);
  const at = (/** @type {number} */ share) => latencies[Math.floor(latencies.length * share)] ?? Number.NaN;
  const count = latencies.length;
  return { count, elapsedMs, cpuUs: (user + system) / count, p50Ms: at(0.5), p99Ms: at(0.99) };
}

async function pair() {
  nextKey += 1;
  const key = `${process.pid}-${nextKey}`;
  if (!(await contender.claim(key))) throw new Error('a fresh key was not granted');
  await contender.complete(key);
}

async function prepareReplays() {
  const worker = async () => {
    for (let number = completedKeys++; number < replayedKeys; number = completedKeys++) {
      if (await contender.claim(`replay-${number}`)) await contender.complete(`replay-${number}`);
    }
  };
  await Promise.all(Array.from({ length: 64 }, worker));
}

async function replay() {
  nextKey += 1;
  if (await contender.claim(`replay-${nextKey % replayedKeys}`)) throw new Error('a completed key was granted');
}

/** @param {string} key */
function idOf(key) {
  return createHash('sha256').update(key).digest('hex');
}

/** @param {string} key */
function newToken(key) {
  const token = randomUUID();
  tokens.set(key, token);
  return token;
}

/** @param {string} key */
function takeToken(key) {
  const token = tokens.get(key) ?? '';
  tokens.delete(key);
  return token;
}

/** @returns {Contender} */
function library() {
  const store = postgres(pool);
  const leaseMs = 30_000;
  const keepMs = 86_400_000;
  return {
    async open(operators) {
      await pool.query('DROP TABLE IF EXISTS oncekey_records, oncekey_records_schema CASCADE');
      await pool.query('DROP FUNCTION IF EXISTS oncekey_records_json');
      await migrate(pool);
      if (operators) await pool.query(schema.operators.up);
    },
    async claim(key) {
      const id = idOf(key);
      const labels = { scope: ['bench'], operation: null, key, owner: null, method: 'POST', path: '/', eventId: null };
      const fingerprint = `sha256:${id}`;
      const ask = { id, token: newToken(key), fingerprint, leaseMs, ifAbandoned: /** @type {const} */ ('rerun') };
      const answer = await store.claim({ ...ask, keepMs, labels });
      if (answer.kind === 'granted') return true;
      if (answer.kind !== 'completed' || answer.outcome.kind !== 'answer') throw new Error('this is no replay');
      tokens.delete(key);
      return false;
    },
    async complete(key) {
      const outcome = { kind: /** @type {const} */ ('answer'), status: 200, headers, body };
      const { kind: said } = await store.complete({
        id: idOf(key),
        token: takeToken(key),
        outcome,
        retentionMs: keepMs,
      });
      if (said === 'lost') throw new Error('a completion was lost');
    },
  };
}

/** @returns {Contender} */
function hand() {
  return {
    async open() {
      await pool.query('DROP TABLE IF EXISTS idempotency');
      await pool.query(`CREATE TABLE idempotency (
        id bytea PRIMARY KEY, fingerprint text NOT NULL, token text NOT NULL, scope text NOT NULL, key text NOT NULL,
        lease_end timestamptz, expires_at timestamptz, created_at timestamptz NOT NULL DEFAULT now(),
        status smallint, headers text, body bytea)`);
    },
    async claim(key) {
      const hex = idOf(key);
      const id = Buffer.from(hex, 'hex');
      const granted = await pool.query(
        `INSERT INTO idempotency AS i (id, fingerprint, token, scope, key, lease_end)
         VALUES ($1, $2, $3, $4, $5, now() + interval '30 seconds')
         ON CONFLICT (id) DO UPDATE SET token = excluded.token, lease_end = excluded.lease_end
         WHERE i.status IS NULL AND i.lease_end < now() OR i.expires_at < now() RETURNING id`,
        [id, `sha256:${hex}`, newToken(key), '["bench"]', key],
      );
      if (granted.rows.length > 0) return true;
      const { rows } = await pool.query('SELECT fingerprint, status, headers, body FROM idempotency WHERE id = $1', [
        id,
      ]);
      if (rows[0]?.status !== 200) throw new Error('this is no replay');
      tokens.delete(key);
      return false;
    },
    async complete(key) {
      const { rowCount } = await pool.query(
        `UPDATE idempotency SET lease_end = NULL, expires_at = now() + interval '1 day', status = $3, headers = $4,
         body = $5 WHERE id = $1 AND token = $2 AND status IS NULL`,
        [Buffer.from(idOf(key), 'hex'), takeToken(key), 200, headText, body],
      );
      if (rowCount === 0) throw new Error('a completion was lost');
    },
  };
}
