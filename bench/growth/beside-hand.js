/** PostgreSQL beside the same by hand, in one server, from empty tables on that nobody ever analyses. */
import { effort } from '../harness/http.js';
import { playRounds, ratioOf, spreadOf } from '../harness/rounds.js';
import { fill, withChildren } from './children.js';

const loads = /** @type {const} */ ([
  { task: 'pairs', concurrency: 64 },
  { task: 'replays', concurrency: 256 },
]);
const rounds = 3;

/**
 * @typedef {import('../harness/report.js').Figure} Figure
 * @typedef {import('../harness/process.js').Child} Child
 */

/**
 * @param {import('./children.js').Effort} asked
 * @returns {Promise<Figure[]>}
 */
export async function besideHand({ quick, records, quietly }) {
  const { roundMs } = effort(quick);
  const contenders = [['postgres-unanalysed', 'postgres-by-hand']];
  return withChildren('postgres', contenders, async ([library, hand]) => {
    /** @type {Figure[]} */
    const figures = [];
    let filled = 0;
    for (const size of [0, 10_000, 100_000, 1_000_000].filter((each) => each <= records)) {
      for (const child of [library, hand]) await fill('growth, postgres by hand', child, size - filled);
      filled = size;
      figures.push(
        ...(await quietly(() => compare(/** @type {Child} */ (library), /** @type {Child} */ (hand), size, roundMs))),
      );
    }
    return [...figures, ...loads.map((load) => heldOf(load, figures, filled))];
  });
}

/**
 * @param {Child} library
 * @param {Child} hand
 * @param {number} size
 * @param {number} roundMs
 * @returns {Promise<Figure[]>}
 */
async function compare(library, hand, size, roundMs) {
  const contenders = loads.flatMap(({ task, concurrency }) =>
    [library, hand].map((child) => ({
      name: `${task} ${child === library ? 'library' : 'hand'}`,
      async measure() {
        const { count, elapsedMs } = await child.ask({ task, concurrency, durationMs: roundMs });
        return (count / elapsedMs) * 1000;
      },
    })),
  );
  const rates = await playRounds(`growth, postgres beside by hand, ${size} records`, contenders, rounds);
  return loads.map(({ task, concurrency }) => {
    const { median, min, max } = ratioOf(rates, `${task} library`, `${task} hand`);
    const rate = spreadOf(rates.get(`${task} library`) ?? []).median;
    const baselineRate = spreadOf(rates.get(`${task} hand`) ?? []).median;
    const metric = `${task} at ${concurrency} on ${size}`;
    return {
      name: 'growth-postgres',
      metric,
      ratio: median,
      min,
      max,
      rounds,
      baseline: 'by hand',
      rate,
      baselineRate,
    };
  });
}

/**
 * How much of the ratio on empty tables is left.
 * @param {(typeof loads)[number]} load
 * @param {readonly Figure[]} figures
 * @param {number} size
 * @returns {Figure}
 */
function heldOf({ task, concurrency }, figures, size) {
  const ratioOn = (/** @type {number} */ on) =>
    figures.find(({ metric }) => metric === `${task} at ${concurrency} on ${on}`)?.ratio ?? Number.NaN;
  const ratio = ratioOn(size) / ratioOn(0);
  const metric = `${task} at ${concurrency}: ratio on ${size} of that on 0`;
  return { name: 'growth-postgres', metric, ratio, min: ratio, max: ratio, rounds: 1, goal: 0.9, better: 'higher' };
}
