/**
 * The child's side of benchmarks of stores: claims and completes fresh keys, or claims
 * completed ones, so many at a time and for so long, and tells how many, at what processor
 * time and how soon. The same for the library's stores and what is written by hand.
 */
import { createHash, randomInt } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { freshToken } from './token.js';

/**
 * @typedef {object} Contender
 * @property {() => Promise<void>} open Makes its tables anew.
 * @property {(key: string, token: string) => Promise<boolean>} claim Whether it was granted; false when told the outcome.
 * @property {(key: string, token: string, retentionMs?: number) => Promise<void>} complete Keeps it for a day unless told.
 * @property {(key: string) => Promise<boolean>} [holds] Whether the record is read as it was completed.
 * @property {(limit: number) => Promise<{ removed: number, more: boolean }>} [sweep]
 * @property {() => Promise<() => Promise<number>>} [expiring] Where the server removes: begins; ends, and tells how many.
 * @property {(keys: readonly string[]) => Promise<void>} [fill] Completes these, where the server can do it by itself.
 * @property {(what: string) => Promise<void>} [list] Asks for a page of records.
 * @property {() => Promise<void>} [settle] Has the server do what it put off while it was filled.
 *
 * @typedef {object} Ask
 * @property {'open' | 'fill' | 'settle' | 'verify' | 'list' | 'pairs' | 'replays' | 'replays of any'} task
 * @property {number} concurrency
 * @property {number} durationMs Of pairs and replays.
 * @property {boolean} [sweeping] Whether expired records are removed meanwhile, as the gateway does it.
 * @property {number} [count] How many records to fill in, completed; or how many of those to verify.
 * @property {number} [retentionMs] Of those filled in.
 * @property {string} [what] To list.
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
  else if (ask.task === 'fill') await load.fill(ask);
  else if (ask.task === 'settle') await contender.settle?.();
  else if (ask.task === 'verify') await load.verify(ask.count ?? 0);
  else if (ask.task === 'list') return timed(async () => contender.list?.(ask.what ?? ''));
  else return load.measure(ask);
  return {};
}

/** @param {() => Promise<void>} act */
async function timed(act) {
  const started = performance.now();
  await act();
  return { elapsedMs: performance.now() - started };
}

class Load {
  /** @type {Contender} */
  #contender;
  #next = 0;
  #filled = 0;
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
    const act = {
      pairs: () => this.#pair(`${process.pid}-${(this.#next += 1)}`),
      replays: () => this.#replay(`replay-${(this.#next += 1) % replayedKeys}`),
      'replays of any': () => this.#replay(this.#anyFilled()),
    }[/** @type {'pairs'} */ (task)];
    const stopSweeping = sweeping ? await this.#sweep() : undefined;
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
    const removed = await stopSweeping?.();
    const { user, system } = process.cpuUsage(cpuBefore);
    latencies.sort((a, b) => a - b);
    const at = (/** @type {number} */ share) => latencies[Math.floor(latencies.length * share)] ?? Number.NaN;
    const count = latencies.length;
    return { count, elapsedMs, cpuUs: (user + system) / count, p50Ms: at(0.5), p99Ms: at(0.99), removed };
  }

  /**
   * Completes `count` records more.
   * @param {Ask} ask
   */
  async fill({ count = 0, concurrency, retentionMs }) {
    const keys = Array.from({ length: count }, () => `filled-${this.#filled++}`);
    if (this.#contender.fill !== undefined) return this.#contender.fill(keys);
    const worker = async () => {
      for (let key = keys.pop(); key !== undefined; key = keys.pop()) await this.#pair(key, retentionMs);
    };
    await Promise.all(Array.from({ length: concurrency }, worker));
  }

  /**
   * Reads and replays some of the records that were filled in.
   * @param {number} count
   */
  async verify(count) {
    for (let left = count; left > 0; left -= 1) {
      const key = this.#anyFilled();
      if ((await this.#contender.holds?.(key)) === false) throw new Error(`${key} is not read as it was completed`);
      await this.#replay(key);
    }
  }

  /** Begins; what it answers ends it, and answers how many were removed. */
  async #sweep() {
    const { expiring, sweep } = this.#contender;
    if (expiring !== undefined) return expiring();
    if (sweep === undefined) throw new Error('this contender does not sweep');
    let isOver = false;
    const swept = sweepUntil(() => isOver, sweep);
    return () => {
      isOver = true;
      return swept;
    };
  }

  /**
   * @param {string} key
   * @param {number} [retentionMs]
   */
  async #pair(key, retentionMs) {
    const token = freshToken();
    if (!(await this.#contender.claim(key, token))) throw new Error('a fresh key was not granted');
    await this.#contender.complete(key, token, retentionMs);
  }

  /** @param {string} key */
  async #replay(key) {
    if (await this.#contender.claim(key, freshToken())) throw new Error('a completed key was granted');
  }

  #anyFilled() {
    return `filled-${randomInt(this.#filled)}`;
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
 * @param {() => boolean} isOver
 * @param {(limit: number) => Promise<{ removed: number, more: boolean }>} sweep
 * @returns {Promise<number>} How many it removed.
 */
async function sweepUntil(isOver, sweep) {
  for (let removed = 0; ;) {
    const swept = await sweep(sweptAtOnce);
    removed += swept.removed;
    if (isOver() || !swept.more) return removed;
    await setTimeout(sweepPauseMs);
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
    async holds(key) {
      const record = await store.read(idOf(key));
      return record?.state === 'completed' && record.outcome?.kind === 'answer' && body.equals(record.outcome.body);
    },
    async sweep(limit) {
      return store.sweep?.(limit) ?? { removed: 0, more: false };
    },
  };
}
