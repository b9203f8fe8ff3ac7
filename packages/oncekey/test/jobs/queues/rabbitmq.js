/** RabbitMQ by amqplib, as queue-cases.ts wants a queue. Stands on the build, as users do. */
import { connect } from 'amqplib';
import { consume } from 'oncekey/jobs';
import { consumer, naming, settle } from 'oncekey/rabbitmq';
import { hung } from './hung.js';

export async function open({ url, queue }) {
  const connection = await connect(url);
  const channel = await connection.createConfirmChannel();
  await channel.assertQueue(`${queue}.dead`);
  const deadLetters = { deadLetterExchange: '', deadLetterRoutingKey: `${queue}.dead` };
  await channel.assertQueue(queue, { durable: true, ...deadLetters });
  return {
    scope: ['rabbitmq', queue],
    async send(messageId, data) {
      channel.sendToQueue(queue, Buffer.from(JSON.stringify(data)), { type: 'pay', persistent: true, messageId });
      await channel.waitForConfirms();
    },
    async dead() {
      const { messageCount } = await channel.checkQueue(`${queue}.dead`);
      return messageCount;
    },
    async work(handler, options, hang = false) {
      const own = await connection.createChannel();
      await own.prefetch(8);
      const take = consume(handler, { ...naming(queue), ...options });
      const callback = hang
        ? settle(own, hung(take, hang))
        : consumer(own, handler, { queue, failurePauseMs: 50, ...options });
      await own.consume(queue, callback);
      return () => own.close();
    },
    close: () => connection.close(),
  };
}
