/**
 * Claim and complete on a SQLite file (write-ahead log, synchronous FULL), by the library's
 * store or by hand: what a careful engineer writes, one transaction a call. Same driver,
 * same 300-byte answers. Asked to `race`, it claims numbered keys that another process
 * claims too and tells which it was granted, and how long its event loop stood still.
 */
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { sqlite } from 'oncekey/sqlite';
import { freshToken } from '../harness/token.js';

/**
 * @typedef {object} Pairs
 * @property {(key: string) => boolean | Promise<boolean>} pair Claims and completes; false when somebody else owns it.
 * @property {object} [db]
 */

const body = Buffer.from(JSON.stringify({ id: 'ch_1', note: 'y'.repeat(300 - 24) }));
const headers = /** @type {const} */ ([['content-type', 'application/json']]);
const [, , kind, path] = /** @type {[string, string, 'library' | 'hand', string]} */ (process.argv);
const contender = kind === 'library' ? libraryPairs(path) : handPairs(path);
let nextKey = 0;

process.on('message', (/** @type {{ concurrency: number, durationMs: number, race?: string }} */ ask) => {
  const answer = ask.race === undefined ? measure(ask) : race(ask, ask.race);
  answer.then(
    (value) => process.send?.(value),
    (/** @type {Error} */ error) => process.send?.({ error: error.message }),
  );
});
process.on('disconnect', () => process.exit());
process.send?.({ ready: true });

/** @param {{ concurrency: number, durationMs: number }} ask */
async function measure({ concurrency, durationMs }) {
  const started = performance.now();
  let pairs = 0;
  const worker = async () => {
    while (performance.now() - started < durationMs) {
      nextKey += 1;
      if (!(await contender.pair(`${process.pid}-${nextKey}`))) throw new Error('a fresh key was not granted');
      pairs += 1;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return { pairs, elapsedMs: performance.now() - started };
}

/**
 * @param {{ concurrency: number, durationMs: number }} ask
 * @param {string} prefix
 */
async function race({ concurrency, durationMs }, prefix) {
  const delays = monitorEventLoopDelay({ resolution: 1 });
  delays.enable();
  const started = performance.now();
  /** @type {number[]} */
  const granted = [];
  let number = 0;
  const worker = async () => {
    while (performance.now() - started < durationMs) {
      const mine = number++;
      if (await contender.pair(`${prefix}-${mine}`)) granted.push(mine);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  delays.disable();
  return { granted, asked: number, stallMs: delays.max / 1e6 };
}

/**
 * @param {string} file
 * @returns {Pairs}
 */
function libraryPairs(file) {
  const store = sqlite(file);
  return {
    async pair(key) {
      const id = idOf(key);
      const token = freshToken();
      const labels = { scope: ['bench'], operation: null, key, owner: null, method: 'POST', path: '/', eventId: null };
      const leaseMs = 30_000;
      const keepMs = 86_400_000;
      const fingerprint = `sha256:${id}`;
      const claim = await store.claim({ id, token, fingerprint, leaseMs, ifAbandoned: 'rerun', keepMs, labels });
      if (claim.kind !== 'granted') return false;
      const outcome = { kind: /** @type {const} */ ('answer'), status: 200, headers, body };
      const completed = await store.complete({ id, token, outcome, retentionMs: keepMs });
      if (completed.kind === 'lost') throw new Error('a completion was lost');
      return true;
    },
  };
}

/**
 * @param {string} file
 * @returns {Pairs}
 */
function handPairs(file) {
  const db = openDriver(file);
  db.exec('PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  db.exec(`CREATE TABLE IF NOT EXISTS idempotency (
    id BLOB PRIMARY KEY, fingerprint TEXT NOT NULL, token TEXT NOT NULL, scope TEXT NOT NULL, key TEXT NOT NULL,
    lease_end_ms INTEGER, expires_at_ms INTEGER, status INTEGER, headers TEXT, body BLOB) STRICT`);
  const claim = db.prepare(`INSERT INTO idempotency (id, fingerprint, token, scope, key, lease_end_ms)
    VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`);
  const complete = db.prepare(`UPDATE idempotency SET lease_end_ms = NULL, expires_at_ms = ?, status = ?, headers = ?,
    body = ? WHERE id = ? AND token = ? AND status IS NULL`);
  const headText = JSON.stringify(headers);
  return {
    // Held on to: the driver closes a database that only its statements remember.
    db,
    pair(key) {
      const hex = idOf(key);
      const id = Buffer.from(hex, 'hex');
      const token = freshToken();
      if (claim.run(id, `sha256:${hex}`, token, '["bench"]', key, Date.now() + 30_000).changes === 0) return false;
      if (complete.run(Date.now() + 86_400_000, 200, headText, body, id, token).changes === 0) {
        throw new Error('a completion was lost');
      }
      return true;
    },
  };
}

/** @param {string} key */
function idOf(key) {
  return createHash('sha256').update(key).digest('hex');
}

/** @param {string} file */
function openDriver(file) {
  const builtin = process.getBuiltinModule?.('node:sqlite');
  const driver = builtin ?? createRequire(import.meta.url)('@photostructure/sqlite');
  return new driver.DatabaseSync(file);
}
