/** The same load beside few and beside very many finished records. */
import { effort } from '../harness/http.js';
import { playRounds, ratioOf, spreadOf } from '../harness/rounds.js';
import { fill, withChildren } from './children.js';

const few = 10_000;
const concurrency = 64;
/** Recent records are what clients repeat; any record is what an old page or a cold cache costs. */
const loads = /** @type {const} */ ([
  { task: 'pairs', goal: 0.9 },
  { task: 'replays', goal: 0.9 },
  { task: 'replays of any', goal: undefined },
]);

/**
 * @param {import('./children.js').Store} store
 * @param {import('./children.js').Effort} asked
 * @returns {Promise<import('../harness/report.js').Figure[]>}
 */
export async function besideMany(store, { quick, records, quietly }) {
  const { rounds, roundMs } = effort(quick);
  return withChildren(store, [[store], [store]], async ([small, large]) => {
    await fill(`growth, ${store}`, small, few);
    await fill(`growth, ${store}`, large, records);
    const contenders = loads.flatMap(({ task }) =>
      [small, large].map((child) => ({
        name: `${task} beside ${child === small ? few : records}`,
        async measure() {
          const measured = await child?.ask({ task, concurrency, durationMs: roundMs });
          return (measured.count / measured.elapsedMs) * 1000;
        },
      })),
    );
    const rates = await quietly(() => playRounds(`growth, ${store}`, contenders, rounds));
    return loads.map(({ task, goal }) => {
      const [ours, baseline] = [`${task} beside ${records}`, `${task} beside ${few}`];
      const { median, min, max } = ratioOf(rates, ours, baseline);
      const rate = spreadOf(rates.get(ours) ?? []).median;
      const baselineRate = spreadOf(rates.get(baseline) ?? []).median;
      const figure = {
        name: `growth-${store}`,
        metric: ours,
        ratio: median,
        min,
        max,
        rounds,
        baseline: `beside ${few}`,
      };
      const aim = goal === undefined ? {} : { goal, better: /** @type {const} */ ('higher') };
      return { ...figure, rate, baselineRate, ...aim };
    });
  });
}
