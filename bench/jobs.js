/**
 * BullMQ's worker with the library in front of its handler, beside the bare worker, on one private Redis that keeps queue
 * and records: jobs a second with 100 at a time, each a millisecond of waiting, as a handler that asks another service.
 */
import { Redis } from 'ioredis';
import { effort } from './harness/http.js';
import { startPrivateServer } from './harness/private-server.js';
import { startChild } from './harness/process.js';
import { playRounds, ratioOf, spreadOf } from './harness/rounds.js';

/** @typedef {import('./harness/report.js').Figure} Figure */

const goal = 0.7;
/** Jobs in a round: fewer, and its first and last hundred weigh too much. */
const count = 3000;

/**
 * @param {boolean} quick
 * @returns {Promise<Figure[]>}
 */
export async function jobs(quick) {
  const server = await startPrivateServer('redis', 'ONCEKEY_REDIS_URL');
  await setUp(server.url);
  const bare = await startChild('servers/jobs.js', ['bare', server.url]);
  const library = await startChild('servers/jobs.js', ['library', server.url]);
  try {
    const { rounds } = effort(quick);
    for (const child of [bare, library]) await warmUp(child);
    /** @type {Map<string, number[]>} */
    const cpuUs = new Map();
    const contenders = [bare, library].map((child) => ({
      name: child === bare ? 'bare worker' : 'worker',
      /** @this {{ name: string }} */
      async measure() {
        const done = await child.ask({ count });
        const spent = cpuUs.get(this.name) ?? [];
        cpuUs.set(this.name, [...spent, done.cpuUs / count]);
        return (count / done.elapsedMs) * 1000;
      },
    }));
    const rates = await playRounds(
      'jobs',
      contenders.map((one) => ({ ...one, measure: () => one.measure() })),
      rounds,
    );
    return [figureOf(rates, cpuUs, rounds)];
  } finally {
    bare.end();
    library.end();
    await server.stop();
  }
}

/**
 * The bare worker gets twice as fast over its first ten thousand jobs, and a figure of a worker that starts says little.
 * @param {import('./harness/process.js').Child} child
 */
async function warmUp(child) {
  for (let round = 0; round < 4; round += 1) await child.ask({ count });
}

/**
 * As the documentation of BullMQ advises for a queue: a crash of the machine may lose a second, of jobs as of records.
 * The log is not rewritten meanwhile, because that would fall into the round of one contender.
 * @param {string} url
 */
async function setUp(url) {
  const client = new Redis(url);
  await client.config('SET', 'appendfsync', 'everysec');
  await client.config('SET', 'auto-aof-rewrite-percentage', '0');
  await client.quit();
}

/**
 * @param {Map<string, number[]>} rates
 * @param {Map<string, number[]>} cpuUs
 * @param {number} rounds
 * @returns {Figure}
 */
function figureOf(rates, cpuUs, rounds) {
  const { median, min, max } = ratioOf(rates, 'worker', 'bare worker');
  const medianOf = (/** @type {Map<string, number[]>} */ all, /** @type {string} */ name) =>
    spreadOf(all.get(name) ?? []).median;
  return {
    name: 'jobs',
    metric: 'BullMQ',
    ratio: median,
    min,
    max,
    rounds,
    baseline: 'bare worker',
    rate: medianOf(rates, 'worker'),
    baselineRate: medianOf(rates, 'bare worker'),
    cpuUs: medianOf(cpuUs, 'worker'),
    baselineCpuUs: medianOf(cpuUs, 'bare worker'),
    goal,
    better: 'higher',
  };
}
