/**
 * BullMQ's worker with the library in front of its handler, beside the bare worker, on one private Redis that keeps queue
 * and records: jobs a second with 100 at a time, whose handler waits, as for another service: for 10 ms, or for 1, where
 * worker and Redis share two cores that the bare worker already fills.
 */
import { Redis } from 'ioredis';
import { effort } from './harness/http.js';
import { startPrivateServer } from './harness/private-server.js';
import { startChild } from './harness/process.js';
import { playRounds, ratioOf, spreadOf } from './harness/rounds.js';

/** @typedef {import('./harness/report.js').Figure} Figure */

const goal = 0.7;
const waits = [1, 10];
/** Jobs in a round: fewer, and its first and last hundred weigh too much. */
const count = 3000;
/** A round is a quarter of a second long, and its neighbours take a tenth more or less of it: so many where other benchmarks play one. */
const roundsForOne = 3;

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
    const rounds = effort(quick).rounds * roundsForOne;
    for (const child of [bare, library]) await warmUp(child);
    /** @type {Map<string, number[]>} */
    const cpuUs = new Map();
    const contenders = waits.flatMap((waitMs) =>
      Object.entries({ bare, library }).map(([who, child]) => ({
        name: nameOf(waitMs, who),
        async measure() {
          const done = await child.ask({ count, waitMs });
          const spent = cpuUs.get(nameOf(waitMs, who)) ?? [];
          cpuUs.set(nameOf(waitMs, who), [...spent, done.cpuUs / count]);
          return (count / done.elapsedMs) * 1000;
        },
      })),
    );
    const rates = await playRounds('jobs', contenders, rounds);
    return waits.map((waitMs) => figureOf(waitMs, rates, cpuUs, rounds));
  } finally {
    bare.end();
    library.end();
    await server.stop();
  }
}

/**
 * @param {number} waitMs
 * @param {string} who
 */
function nameOf(waitMs, who) {
  return `${who}, ${waitMs} ms`;
}

/**
 * The bare worker gets twice as fast over its first ten thousand jobs, and a figure of a worker that starts says little.
 * @param {import('./harness/process.js').Child} child
 */
async function warmUp(child) {
  for (let round = 0; round < 4; round += 1) await child.ask({ count, waitMs: 1 });
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
 * @param {number} waitMs
 * @param {Map<string, number[]>} rates
 * @param {Map<string, number[]>} cpuUs
 * @param {number} rounds
 * @returns {Figure}
 */
function figureOf(waitMs, rates, cpuUs, rounds) {
  const [library, bare] = [nameOf(waitMs, 'library'), nameOf(waitMs, 'bare')];
  const { median, min, max } = ratioOf(rates, library, bare);
  const medianOf = (/** @type {Map<string, number[]>} */ all, /** @type {string} */ name) =>
    spreadOf(all.get(name) ?? []).median;
  return {
    name: 'jobs',
    metric: `BullMQ, ${waitMs} ms each`,
    ratio: median,
    min,
    max,
    rounds,
    baseline: 'bare worker',
    rate: medianOf(rates, library),
    baselineRate: medianOf(rates, bare),
    cpuUs: medianOf(cpuUs, library),
    baselineCpuUs: medianOf(cpuUs, bare),
    goal,
    better: 'higher',
  };
}
