/**
 * A BullMQ worker of the benchmark of jobs: `bare`, or with the library and its Redis store. Asked for a number of
 * jobs and how long each waits, it fills its queue while the worker rests and tells how long the worker then took, and
 * how much of the processor.
 */
import { scheduler } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { processor } from 'oncekey/bullmq';
import { redis } from 'oncekey/redis';
import { outside } from '../../tools/outside/outside.js';

const [, , kind, url] = process.argv;
const group = await outside('bullmq');
const { Queue, Worker } = await group.import('bullmq');

const { hostname: host, port } = new URL(url);
const connection = { host, port: Number(port) };
const queue = new Queue(`bench-${kind}`, { connection });
let waitMs = 0;
// A handler that does nothing but wait for somebody.
const handler = () => scheduler.wait(waitMs);
const store = kind === 'library' ? redis(new Redis(url)) : undefined;
const processJob = store === undefined ? handler : processor(handler, { store });
const worker = new Worker(queue.name, processJob, { connection, concurrency: 100, autorun: false });
await worker.waitUntilReady();

let done = 0;
let told = () => {};
worker.on('completed', () => {
  done += 1;
  told();
});
worker.on('failed', (_job, error) => process.send?.({ error: error.message }));

/** @param {number} count */
async function play(count) {
  await worker.pause();
  const data = { order: 'order-1001', amount: 4200 };
  const options = { removeOnComplete: true };
  await queue.addBulk(Array.from({ length: count }, () => ({ name: 'pay', data, opts: options })));
  done = 0;
  const started = performance.now();
  const cpuBefore = process.cpuUsage();
  const all = new Promise((resolve) => {
    told = () => {
      if (done === count) resolve(undefined);
    };
  });
  worker.resume();
  if (!worker.isRunning()) worker.run().catch((error) => process.send?.({ error: error.message }));
  await all;
  const elapsedMs = performance.now() - started;
  const { user, system } = process.cpuUsage(cpuBefore);
  return { elapsedMs, cpuUs: user + system };
}

process.on('message', (/** @type {{ count: number, waitMs: number }} */ ask) => {
  waitMs = ask.waitMs;
  play(ask.count).then(
    (answer) => process.send?.(answer),
    (/** @type {Error} */ error) => process.send?.({ error: error.message }),
  );
});
process.on('disconnect', () => process.exit());
process.send?.({ ready: true });
