/** The entries fit the real clients: this file's compilation is the test (BullMQ's, which is not in the root lock file, runs below). */
import type { JsMsg } from '@nats-io/jetstream';
import type { Channel, ConsumeMessage } from 'amqplib';
import type PgBoss from 'pg-boss';
import { expect, test } from 'vitest';
import { memory } from '../../src/index.ts';
import * as nats from '../../src/jobs/nats.ts';
import * as pgBoss from '../../src/jobs/pg-boss.ts';
import * as rabbitmq from '../../src/jobs/rabbitmq.ts';

interface Order {
  readonly amount: number;
}

const store = memory();

/** Never called: only compiled. */
export async function fits(channel: Channel, boss: PgBoss, messages: AsyncIterable<JsMsg>): Promise<void> {
  const pay = ({ content }: ConsumeMessage): number => content.length;
  await channel.consume('orders', rabbitmq.consumer(channel, pay, { queue: 'orders', store }));
  const work = pgBoss.worker(({ data }: PgBoss.Job<Order>) => data.amount, { store });
  await boss.work<Order>('orders', work);
  const take = nats.consumer((message: JsMsg) => message.json<Order>().amount, { store });
  for await (const message of messages) await take(message);
}

test('the entries fit amqplib, pg-boss and NATS', () => {
  expect(fits).toBeTypeOf('function');
});
