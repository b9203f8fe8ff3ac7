/**
 * Ships the orders of a RabbitMQ queue, each once, however often its message comes and whichever worker dies.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from 'amqplib';
import { consumer } from 'oncekey/rabbitmq';
import { sqlite } from 'oncekey/sqlite';

const { AMQP, QUEUE = 'orders', DATABASE = 'orders.db' } = process.env;
const { SHIPMENTS = 'shipments', LEASE_MS = '30000' } = process.env;
if (AMQP === undefined) throw new Error('AMQP is missing; give the address of the broker');

await mkdir(SHIPMENTS, { recursive: true });
const connection = await connect(AMQP);
const channel = await connection.createChannel();
await channel.assertQueue(`${QUEUE}.dead`);
await channel.assertQueue(QUEUE, {
  deadLetterExchange: '',
  deadLetterRoutingKey: `${QUEUE}.dead`,
  arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': 20 },
});
await channel.prefetch(4);

async function ship(message, work) {
  const order = JSON.parse(message.content.toString());
  const label = await work.step('label', () => ({ parcel: `parcel-${order.id}`, attempt: work.attempt }));
  // The carrier knows a parcel by its key: were we to die right after handing it over, the next attempt would hand over
  // the same one. An effect that knows no key may happen again in that window.
  const carrier = join(SHIPMENTS, work.key('hand over'));
  await work.step('hand over', () => writeFile(carrier, label.parcel));
  return label;
}

const store = sqlite(DATABASE);
await channel.consume(QUEUE, consumer(channel, ship, { queue: QUEUE, store, leaseMs: Number(LEASE_MS) }));
process.stdout.write(`${JSON.stringify({ event: 'consuming', queue: QUEUE })}\n`);
