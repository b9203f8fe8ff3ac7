/** BullMQ over a private Redis, as queue-cases.ts wants a queue. Stands on the build, as users do. */
import { consume } from 'oncekey/jobs';
import { naming, processor, settle } from 'oncekey/bullmq';
import { outside } from '../../../../../tools/outside/outside.js';
import { hung } from './hung.js';

export async function open({ url, queue }) {
  const { Queue, Worker } = await (await outside('bullmq')).import('bullmq');
  const { hostname: host, port } = new URL(url);
  const connection = { host, port: Number(port) };
  const jobs = new Queue(queue, { connection });
  return {
    scope: ['bullmq', queue],
    async send(jobId, data) {
      await jobs.add('pay', data, { jobId, attempts: 5, backoff: 50, removeOnComplete: true });
    },
    async work(handler, options, hang = false) {
      const process = hang
        ? settle(hung(consume(handler, { ...naming, ...options }), hang))
        : processor(handler, options);
      const times = { lockDuration: 1000, stalledInterval: 300, maxStalledCount: 5 };
      const worker = new Worker(queue, process, { connection, concurrency: 8, ...times });
      await worker.waitUntilReady();
      return () => worker.close();
    },
    close: () => jobs.close(),
  };
}
