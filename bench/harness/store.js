/**
 * A store of the library beside the same by hand: pairs of claim and complete at several
 * concurrencies, and replays, in rounds that take turns.
 */
import { effort } from './http.js';
import { cpuUsOfFamily } from './process.js';
import { playRounds, ratioOf, spreadOf } from './rounds.js';

/**
 * @typedef {import('./report.js').Figure} Figure
 * @typedef {import('./contender.js').Measured} Measured
 *
 * @typedef {object} Row
 * @property {'pairs' | 'replays'} task
 * @property {number} concurrency
 * @property {number} [goal]
 *
 * @typedef {Measured & { serverCpuUs: number }} Round
 */

/**
 * Measures `library` against `hand`, which were started with the same server; both make their tables anew first.
 * @param {string} name
 * @param {{ library: import('./process.js').Child, hand: import('./process.js').Child }} children
 * @param {readonly Row[]} rows
 * @param {boolean} quick
 * @param {number} serverProcessId
 * @returns {Promise<Figure[]>}
 */
export async function compareWithHand(name, children, rows, quick, serverProcessId) {
  const { rounds, roundMs } = effort(quick);
  for (const child of Object.values(children)) await child.ask({ task: 'open' });
  /** @type {Map<string, Round[]>} */
  const seen = new Map();
  const contenders = rows.flatMap((row) =>
    Object.entries(children).map(([who, child]) => ({
      name: nameOf(row, who),
      async measure() {
        const before = cpuUsOfFamily(serverProcessId);
        const measured = await child.ask({ ...row, durationMs: roundMs });
        const round = { ...measured, serverCpuUs: (cpuUsOfFamily(serverProcessId) - before) / measured.count };
        seen.set(nameOf(row, who), [...(seen.get(nameOf(row, who)) ?? []), round]);
        return (measured.count / measured.elapsedMs) * 1000;
      },
    })),
  );
  const rates = await playRounds(name, contenders, rounds);
  return rows.map((row) => figureOf(name, row, rates, seen, rounds));
}

/**
 * @param {Row} row
 * @param {string} who
 */
function nameOf({ task, concurrency }, who) {
  return `${task} at ${concurrency}, ${who}`;
}

/**
 * @param {string} name
 * @param {Row} row
 * @param {Map<string, number[]>} rates
 * @param {Map<string, Round[]>} seen
 * @param {number} rounds
 * @returns {Figure}
 */
function figureOf(name, row, rates, seen, rounds) {
  const [library, hand] = [nameOf(row, 'library'), nameOf(row, 'hand')];
  const { median, min, max } = ratioOf(rates, library, hand);
  const middle = (/** @type {string} */ who, /** @type {keyof Round} */ what) =>
    spreadOf((seen.get(who) ?? []).slice(-rounds).map((measured) => measured[what])).median;
  return {
    name,
    metric: `${row.task} at ${row.concurrency}`,
    ratio: median,
    min,
    max,
    rounds,
    baseline: 'by hand',
    rate: spreadOf(rates.get(library) ?? []).median,
    baselineRate: spreadOf(rates.get(hand) ?? []).median,
    cpuUs: middle(library, 'cpuUs'),
    baselineCpuUs: middle(hand, 'cpuUs'),
    serverCpuUs: middle(library, 'serverCpuUs'),
    baselineServerCpuUs: middle(hand, 'serverCpuUs'),
    p50Ms: middle(library, 'p50Ms'),
    p99Ms: middle(library, 'p99Ms'),
    baselineP50Ms: middle(hand, 'p50Ms'),
    baselineP99Ms: middle(hand, 'p99Ms'),
    ...(row.goal === undefined ? {} : { goal: row.goal, better: /** @type {const} */ ('higher') }),
  };
}
