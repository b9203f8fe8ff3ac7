/**
 * The SQLite store's claim and complete at 1, 64 and 256 calls at a time beside one
 * transaction a call written by hand, and two processes racing for the same keys on one
 * file: how long an event loop stood still, and whether a key was granted twice (I1).
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { effort } from './harness/http.js';
import { startChild } from './harness/process.js';
import { playRounds, ratioOf, spreadOf } from './harness/rounds.js';

/** @typedef {import('./harness/report.js').Figure} Figure */

const concurrencies = [1, 64, 256];
const goals = new Map([[64, 15]]);

/**
 * @param {boolean} quick
 * @returns {Promise<Figure[]>}
 */
export async function sqlite(quick) {
  const folder = mkdtempSync(join(tmpdir(), 'oncekey-bench-'));
  try {
    return [...(await pairs(folder, quick)), ...(await race(folder, quick))];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {string} folder
 * @param {boolean} quick
 * @returns {Promise<Figure[]>}
 */
async function pairs(folder, quick) {
  const { rounds, roundMs } = effort(quick);
  const library = await startChild('servers/sqlite.js', ['library', join(folder, 'library.db')]);
  const hand = await startChild('servers/sqlite.js', ['hand', join(folder, 'hand.db')]);
  try {
    const contenders = concurrencies.flatMap((concurrency) =>
      [library, hand].map((child) => ({
        name: `${child === hand ? 'by hand' : 'pairs'} ${concurrency}`,
        async measure() {
          const done = await child.ask({ concurrency, durationMs: roundMs });
          return (done.pairs / done.elapsedMs) * 1000;
        },
      })),
    );
    const rates = await playRounds('sqlite', contenders, rounds);
    return concurrencies.map((concurrency) => pairFigure(rates, concurrency, rounds));
  } finally {
    library.end();
    hand.end();
  }
}

/**
 * @param {Map<string, number[]>} rates
 * @param {number} concurrency
 * @param {number} rounds
 * @returns {Figure}
 */
function pairFigure(rates, concurrency, rounds) {
  const [contender, baseline] = [`pairs ${concurrency}`, `by hand ${concurrency}`];
  const { median, min, max } = ratioOf(rates, contender, baseline);
  const rateOf = (/** @type {string} */ name) => spreadOf(rates.get(name) ?? []).median;
  const goal = goals.get(concurrency);
  return {
    name: 'sqlite',
    metric: `pairs at ${concurrency}`,
    ratio: median,
    min,
    max,
    rounds,
    baseline: 'by hand',
    rate: rateOf(contender),
    baselineRate: rateOf(baseline),
    ...(goal === undefined ? {} : { goal, better: 'higher' }),
  };
}

/**
 * @param {string} folder
 * @param {boolean} quick
 * @returns {Promise<Figure[]>}
 */
async function race(folder, quick) {
  const { rounds, roundMs } = effort(quick);
  const file = join(folder, 'race.db');
  const racers = [
    await startChild('servers/sqlite.js', ['library', file]),
    await startChild('servers/sqlite.js', ['library', file]),
  ];
  /** @type {number[]} */
  const stalls = [];
  /** @type {number[]} */
  const twice = [];
  try {
    await playRounds('sqlite, two processes', [{ name: 'race', measure: raceOnce }], rounds);
  } finally {
    for (const racer of racers) racer.end();
  }
  async function raceOnce() {
    const ask = { concurrency: 64, durationMs: roundMs, race: `race-${stalls.length}` };
    const [one, other] = await Promise.all(racers.map((racer) => racer.ask(ask)));
    const ones = new Set(one.granted);
    stalls.push(Math.max(one.stallMs, other.stallMs));
    twice.push(other.granted.filter((/** @type {number} */ key) => ones.has(key)).length);
    return one.granted.length + other.granted.length;
  }
  const { min, max } = spreadOf(stalls);
  const doubled = twice.reduce((sum, count) => sum + count, 0);
  const counted = { name: 'sqlite', rounds: stalls.length, better: /** @type {const} */ ('lower') };
  return [
    { ...counted, metric: 'worst stall, two processes', value: max, unit: 'ms', min, max, goal: 50 },
    { ...counted, metric: 'keys granted twice', value: doubled, min: doubled, max: doubled, goal: 0 },
  ];
}
