/** pg-boss over a private PostgreSQL, as queue-cases.ts wants a queue. Stands on the build, as users do. */
import { createHash } from 'node:crypto';
import { consume } from 'oncekey/jobs';
import { naming, settle, worker } from 'oncekey/pg-boss';
import PgBoss from 'pg-boss';
import { hung } from './hung.js';

/** pg-boss takes ids of this form only. */
function uuidOf(text) {
  const hex = createHash('sha256').update(text).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  );
}

export async function open({ url, queue }) {
  const boss = new PgBoss({ connectionString: url, maintenanceIntervalSeconds: 1, monitorStateIntervalSeconds: 1 });
  boss.on('error', (error) => process.emitWarning(error));
  await boss.start();
  await boss.createQueue(queue);
  return {
    scope: ['pg-boss', queue],
    idOf: uuidOf,
    async send(id, data) {
      await boss.send(queue, data, { id: uuidOf(id), retryLimit: 5, retryDelay: 0, expireInSeconds: 2 });
    },
    async work(handler, options, hang = false) {
      const take = hung(consume(handler, { ...naming, ...options }), hang);
      const polling = { pollingIntervalSeconds: 0.5, batchSize: hang ? 1 : 8 };
      const id = await boss.work(queue, polling, hang ? settle(take) : worker(handler, options));
      return () => boss.offWork({ id });
    },
    close: () => boss.stop({ graceful: false, wait: true }),
  };
}
