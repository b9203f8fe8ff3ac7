/** The slowest pairs while very many expired records are removed. */
import { effort } from '../harness/http.js';
import { playRounds, ratioOf, spreadOf } from '../harness/rounds.js';
import { fill, withChildren } from './children.js';

/** Few enough that a claim waits for the store, not for its neighbours. */
const concurrency = 16;

/** Longer ones would find nothing left to remove: Redis removes a million within seconds. */
const roundsMs = { sqlite: 700, redis: 300, 'redis-hz-100': 300, postgres: 700 };

/**
 * @param {import('./children.js').Store} store
 * @param {import('./children.js').Effort} asked
 * @returns {Promise<import('../harness/report.js').Figure[]>}
 */
export async function whileSweeping(store, { records, quietly }) {
  const { rounds } = effort(true);
  const roundMs = roundsMs[store];
  return withChildren(store, [[store]], async ([child]) => {
    await fill(`growth, ${store}, sweeping`, child, records, 1);
    let removed = 0;
    const contenders = [false, true].map((sweeping) => ({
      name: sweeping ? 'sweeping' : 'idle',
      async measure() {
        const seen = await child?.ask({ task: 'pairs', concurrency, durationMs: roundMs, sweeping });
        removed += seen.removed ?? 0;
        if (sweeping && seen.removed === 0)
          throw new Error(`nothing was left to remove after ${removed} records; take more`);
        return seen.p99Ms;
      },
    }));
    const p99s = await quietly(() => playRounds(`growth, ${store}, sweeping`, contenders, rounds));
    const { median, min, max } = ratioOf(p99s, 'sweeping', 'idle');
    const name = `growth-${store}`;
    const removedPerSecond = removed / ((rounds + 2) * (roundMs / 1000));
    return [
      {
        name,
        metric: `p99 of a pair while ${records} expired are removed`,
        ratio: median,
        min,
        max,
        rounds,
        baseline: 'p99 without',
        p99Ms: spreadOf(p99s.get('sweeping') ?? []).median,
        baselineP99Ms: spreadOf(p99s.get('idle') ?? []).median,
        goal: 2,
        better: /** @type {const} */ ('lower'),
      },
      {
        name,
        metric: 'removed meanwhile',
        value: removedPerSecond,
        unit: 'a second',
        min: removed,
        max: removed,
        rounds,
      },
    ];
  });
}
