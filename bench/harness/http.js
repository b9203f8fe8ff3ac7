/**
 * HTTP contenders: servers and one load generator in processes of their own, measured in
 * requests a second over 64 connections. Replays repeat sixteen keys that were warmed up
 * before; firsts never use a key twice.
 */
import { cpuUsOf, startChild } from './process.js';
import { playRounds, ratioOf, spreadOf } from './rounds.js';

/** @typedef {import('./process.js').Child} Child */
/** @typedef {import('./report.js').Figure} Figure */

/**
 * @typedef {object} HttpContender
 * @property {string} name
 * @property {number} port
 * @property {number} processId
 * @property {'none' | 'fresh' | 'repeat'} keys
 */

export const connections = 64;
const repeatedKeys = 16;

/**
 * How long to measure.
 * @param {boolean} quick
 */
export function effort(quick) {
  return quick ? { rounds: 5, roundMs: 700 } : { rounds: 9, roundMs: 1500 };
}

/**
 * Measures `contenders` against each other.
 * @param {string} title
 * @param {readonly HttpContender[]} contenders
 * @param {boolean} quick
 * @param {{ sleeps?: boolean }} [generator] Whether it sleeps between answers.
 */
export async function playHttp(title, contenders, quick, { sleeps = false } = {}) {
  const { rounds, roundMs } = effort(quick);
  const load = await startChild('harness/load.js');
  try {
    /** @type {Map<string, number[]>} */
    const cpuUs = new Map();
    const measured = contenders.map(({ name, port, processId, keys }) => ({
      name,
      async measure() {
        const before = cpuUsOf(processId);
        const ask = { port, path: '/charges', keys, connections, durationMs: roundMs, sleeps };
        const { requests, elapsedMs } = await load.ask(ask);
        const spent = cpuUs.get(name) ?? [];
        cpuUs.set(name, [...spent, (cpuUsOf(processId) - before) / requests]);
        return (requests / elapsedMs) * 1000;
      },
    }));
    for (const { port, keys } of contenders) {
      if (keys === 'repeat') await warmUp(load, port);
    }
    const rates = await playRounds(title, measured, rounds);
    return { rates, cpuUs };
  } finally {
    load.end();
  }
}

/**
 * Gets the first answer of every repeated key, one at a time, so that no replay meets its own first still in progress.
 * @param {Child} load
 * @param {number} port
 */
async function warmUp(load, port) {
  for (let firstKey = 0; firstKey < repeatedKeys; firstKey += 1) {
    await load.ask({ port, path: '/charges', keys: 'repeat', connections: 1, durationMs: 0, requests: 1, firstKey });
  }
}

/**
 * The figure of one contender against another.
 * @param {{ rates: Map<string, number[]>, cpuUs: Map<string, number[]> }} played
 * @param {{ name: string, metric: string, contender: string, baseline: string, goal?: number }} what
 * @returns {Figure}
 */
export function httpFigure({ rates, cpuUs }, { name, metric, contender, baseline, goal }) {
  const { median, min, max } = ratioOf(rates, contender, baseline);
  const medianOf = (/** @type {Map<string, number[]>} */ all, /** @type {string} */ one) =>
    spreadOf(all.get(one) ?? []).median;
  return {
    name,
    metric,
    ratio: median,
    min,
    max,
    rounds: rates.get(contender)?.length ?? 0,
    baseline,
    rate: medianOf(rates, contender),
    baselineRate: medianOf(rates, baseline),
    cpuUs: medianOf(cpuUs, contender),
    baselineCpuUs: medianOf(cpuUs, baseline),
    ...(goal === undefined ? {} : { goal, better: 'higher' }),
  };
}
