/**
 * The child's side of benchmarks of stores: claims and completes fresh keys, or claims
 * completed ones, so many at a time and for so long, and tells how many, at what processor
 * time and how soon. The same for the library's stores and what is written by hand.
 */
import { createHash, randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';

/**
 * @typedef {object} Contender
 * @property {() => Promise<void>} open Makes its tables anew.
 * @property {(key: string, token: string) => Promise<boolean>} claim Whether it was granted; false when told the outcome.
 * @property {(key: string, token: string, retentionMs?: number) => Promise<void>} complete Keeps it for a day unless told.
 * @property {(limit: number) => Promise<{ removed: number, more: boolean }>} [sweep]
 * @property {(count: number, retentionMs?: number) => Promise<void>} [fill] Where the server can do it by itself.
 *
 * @typedef {object} Ask
 * @property {'open' | 'fill' | 'pairs' | 'replays'} task
 * @property {number} concurrency
 * @property {number} durationMs Of pairs and replays.
 * @property {boolean} [sweeping] Whether expired records are removed meanwhile, as the gateway does it.
 * @property {number} [count] How many records to fill in, completed.
 * @property {number} [retentionMs] Of those.
 *
 * @typedef {object} Measured
 * @property {number} count
 * @property {number} elapsedMs
 * @property {number} cpuUs Of this process, for one pair or replay.
 * @property {number} p50Ms
 * @property {number} p99Ms
 * @property {number} [removed] By sweeping.
 */

export const body = Buffer.from(JSON.stringify({ id: 'ch_1', note: 'y'.repeat(300 - 24) }));
export const headers = /** @type {const} */ ([['content-type', 'application/json']]);
const replayedKeys = 4096;
/** As the gateway sweeps: so many, and then a pause. */
const sweptAtOnce = 1000;
const sweepPauseMs = 50;

/** @param {string} key */
export function idOf(key) {
  return createHash('sha256').update(key).digest('hex');
}

/**
 * Answers the benchmark's questions until it goes.
 * @param {Contender} contender
 */
export function serve(contender) {
  const load = new Load(contender);
  process.on('message', (/** @type {Ask} */ ask) => {
    const answer = answerTo(ask, contender, load);
    answer.then(
      (value) => process.send?.(value),
      (/** @type {Error} */ error) => process.send?.({ error: error.message }),
    );
  });
  process.on('disconnect', () => process.exit());
  process.send?.({ ready: true });
}

/**
 * @param {Ask} ask
 * @param {Contender} contender
 * @param {Load} load
 * @returns {Promise<object>}
 */
async function answerTo(ask, contender, load) {
  if (ask.task === 'open') await contender.open();
  else if (ask.task === 'fill') await (contender.fill?.(ask.count ?? 0, ask.retentionMs) ?? load.fill(ask));
  else return load.measure(ask);
  return {};
}

class Load {
  /** @type {Contender} */
  #contender;
  #next = 0;
  #isPrepared = false;

  /** @param {Contender} contender */
  constructor(contender) {
    this.#contender = contender;
  }

  /**
   * @param {Ask} ask
   * @returns {Promise<Measured>}
   */
  async measure({ task, concurrency, durationMs, sweeping = false }) {
    if (task === 'replays') await this.#prepareReplays();
    let isOver = false;
    const swept = sweeping ? this.#sweepUntil(() => isOver) : undefined;
    /** @type {number[]} */
    const latencies = [];
    const cpuBefore = process.cpuUsage();
    const started = performance.now();
    const worker = async () => {
      for (let now = performance.now(); now - started < durationMs;) {
        await (task === 'replays' ? this.#replay() : this.#pair(`${process.pid}-${(this.#next += 1)}`));
        const then = now;
        now = performance.now();
        latencies.push(now - then);
      }
    };
    await Promise.all(Array.from({ length: concurrency }, worker));
    const elapsedMs = performance.now() - started;
    isOver = true;
    const removed = await swept;
    const { user, system } = process.cpuUsage(cpuBefore);
    latencies.sort((a, b) => a - b);
    const at = (/** @type {number} */ share) => latencies[Math.floor(latencies.length * share)] ?? Number.NaN;
    const count = latencies.length;
    return { count, elapsedMs, cpuUs: (user + system) / count, p50Ms: at(0.5), p99Ms: at(0.99), removed };
  }

  /**
   * Completes `count` records.
   * @param {Ask} ask
   */
  async fill({ count = 0, concurrency, retentionMs }) {
    let left = count;
    const worker = async () => {
      while (left-- > 0) await this.#pair(`${process.pid}-${(this.#next += 1)}`, retentionMs);
    };
    await Promise.all(Array.from({ length: concurrency }, worker));
  }

  /**
   * @param {() => boolean} isOver
   * @returns {Promise<number>} How many it removed.
   */
  async #sweepUntil(isOver) {
    const { sweep } = this.#contender;
    if (sweep === undefined) throw new Error('this contender does not sweep');
    for (let removed = 0; ;) {
      const swept = await sweep(sweptAtOnce);
      removed += swept.removed;
      if (isOver() || !swept.more) return removed;
      await setTimeout(sweepPauseMs);
    }
  }

  /**
   * @param {string} key
   * @param {number} [retentionMs]
   */
  async #pair(key, retentionMs) {
    const token = randomUUID();
    if (!(await this.#contender.claim(key, token))) throw new Error('a fresh key was not granted');
    await this.#contender.complete(key, token, retentionMs);
  }

  async #replay() {
    this.#next += 1;
    const isGranted = await this.#contender.claim(`replay-${this.#next % replayedKeys}`, randomUUID());
    if (isGranted) throw new Error('a completed key was granted');
  }

  async #prepareReplays() {
    if (this.#isPrepared) return;
    this.#isPrepared = true;
    const keys = Array.from({ length: replayedKeys }, (_, number) => `replay-${number}`);
    const worker = async () => {
      for (let key = keys.pop(); key !== undefined; key = keys.pop()) await this.#pair(key);
    };
    await Promise.all(Array.from({ length: 64 }, worker));
  }
}

/**
 * A store of the library.
 * @param {import('oncekey').Store} store
 * @param {() => Promise<unknown>} makeTables
 * @returns {Contender}
 */
export function contenderOf(store, makeTables) {
  const leaseMs = 30_000;
  const keepMs = 86_400_000;
  return {
    async open() {
      await makeTables();
    },
    async claim(key, token) {
      const id = idOf(key);
      const labels = { scope: ['bench'], operation: null, key, owner: null, method: 'POST', path: '/', eventId: null };
      const fingerprint = `sha256:${id}`;
      const answer = await store.claim({ id, token, fingerprint, leaseMs, ifAbandoned: 'rerun', keepMs, labels });
      if (answer.kind === 'granted') return true;
      if (answer.kind !== 'completed' || answer.outcome.kind !== 'answer') throw new Error(`told ${answer.kind}`);
      return false;
    },
    async complete(key, token, retentionMs = keepMs) {
      const outcome = { kind: /** @type {const} */ ('answer'), status: 200, headers, body };
      const { kind } = await store.complete({ id: idOf(key), token, outcome, retentionMs });
      if (kind === 'lost') throw new Error('a completion was lost');
    },
    async sweep(limit) {
      return store.sweep?.(limit) ?? { removed: 0, more: false };
    },
  };
}
