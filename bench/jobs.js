/**
 * BullMQ's worker with the library in front of its handler, beside the bare worker, on one private Redis that keeps queue
 * and records: jobs a second with 32 at a time, each a millisecond of waiting, as a handler that asks another service.
 */
import { effort } from './harness/http.js';
import { startPrivateServer } from './harness/private-server.js';
import { startChild } from './harness/process.js';
import { playRounds, ratioOf, spreadOf } from './harness/rounds.js';

/** @typedef {import('./harness/report.js').Figure} Figure */

const goal = 0.7;

/**
 * @param {boolean} quick
 * @returns {Promise<Figure[]>}
 */
export async function jobs(quick) {
  const server = await startPrivateServer('redis', 'ONCEKEY_REDIS_URL');
  const bare = await startChild('servers/jobs.js', ['bare', server.url]);
  const library = await startChild('servers/jobs.js', ['library', server.url]);
  try {
    const { rounds } = effort(quick);
    const count = quick ? 1000 : 3000;
    const contenders = [bare, library].map((child) => ({
      name: child === bare ? 'bare worker' : 'worker',
      async measure() {
        const { elapsedMs } = await child.ask({ count });
        return (count / elapsedMs) * 1000;
      },
    }));
    const rates = await playRounds('jobs', contenders, rounds);
    const { median, min, max } = ratioOf(rates, 'worker', 'bare worker');
    const rateOf = (/** @type {string} */ name) => spreadOf(rates.get(name) ?? []).median;
    const rate = { rate: rateOf('worker'), baselineRate: rateOf('bare worker') };
    return [
      {
        name: 'jobs',
        metric: 'BullMQ',
        ratio: median,
        min,
        max,
        rounds,
        baseline: 'bare worker',
        ...rate,
        goal,
        better: 'higher',
      },
    ];
  } finally {
    bare.end();
    library.end();
    await server.stop();
  }
}
