/** Drives examples/order-worker: every order twice, two workers, one killed in the middle: each is shipped once. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'amqplib';
import { expect, test } from 'vitest';
import { startRabbitmq } from '../../tools/servers/rabbitmq.ts';
import { serverForFile } from '../../tools/servers/server-for-file.ts';
import { waitUntil } from '../../tools/servers/wait-until.ts';
import { startExample, type Program } from '../support/program.ts';
import { scratch } from '../support/scratch.ts';

const folder = scratch();
const server = serverForFile(startRabbitmq);
const orders = Array.from({ length: 40 }, (_, at) => ({ id: String(at) }));

function start(): Promise<Program> {
  return startExample('order-worker/worker.js', { AMQP: server().url, LEASE_MS: '800' }, folder);
}

/** What the carrier has, a parcel for each key it was given; one that is being written is empty. */
function shipped(): string[] {
  const carrier = join(folder, 'shipments');
  return readdirSync(carrier).map((key) => readFileSync(join(carrier, key), 'utf8'));
}

test('each order is shipped once', async () => {
  const doomed = await start();
  await start();
  const connection = await connect(server().url);
  const channel = await connection.createConfirmChannel();
  for (const order of [...orders, ...orders]) {
    const content = Buffer.from(JSON.stringify(order));
    channel.sendToQueue('orders', content, { messageId: `order-${order.id}`, persistent: true });
  }
  await channel.waitForConfirms();
  await waitUntil('some are shipped', () => shipped().length >= 5);
  await doomed.kill();
  await waitUntil('all are shipped', () => new Set(shipped().filter((parcel) => parcel !== '')).size === orders.length);
  await waitUntil('the queue is empty', async () => (await channel.checkQueue('orders')).messageCount === 0);
  expect(shipped().toSorted()).toEqual(orders.map(({ id }) => `parcel-${id}`).toSorted());
  expect((await channel.checkQueue('orders.dead')).messageCount).toBe(0);
  await connection.close();
});
