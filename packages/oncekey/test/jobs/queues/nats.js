/** NATS JetStream, as queue-cases.ts wants a queue. Stands on the build, as users do. */
import { scheduler } from 'node:timers/promises';
import { AckPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, headers, nanos } from '@nats-io/transport-node';
import { consume } from 'oncekey/jobs';
import { consumer, naming, settle } from 'oncekey/nats';
import { hung } from './hung.js';

export async function open({ url, queue }) {
  const connection = await connect({ servers: url });
  const manager = await jetstreamManager(connection);
  const has = await manager.streams.info(queue).then(
    () => true,
    () => false,
  );
  if (!has) {
    // The server's own window of duplicates is as short as it can be: what outlives it is ours.
    await manager.streams.add({ name: queue, subjects: [`${queue}.>`], duplicate_window: nanos(100) });
    const config = { durable_name: 'workers', ack_policy: AckPolicy.Explicit, ack_wait: nanos(1000), max_deliver: 20 };
    await manager.consumers.add(queue, config);
  }
  const stream = jetstream(connection);
  return {
    scope: ['nats', queue],
    operation: `${queue}.pay`,
    async send(msgID, data) {
      const lines = headers();
      if (msgID !== undefined) lines.set('Nats-Msg-Id', msgID);
      const publish = () => stream.publish(`${queue}.pay`, JSON.stringify(data), { headers: lines });
      // Until the server has forgotten the first of that id.
      for (let ack = await publish(); ack.duplicate; ack = await publish()) await scheduler.wait(20);
    },
    async work(handler, options, hang = false) {
      const source = await stream.consumers.get(queue, 'workers');
      const take = consume(handler, { ...naming, ...options });
      const times = { workingMs: 300, failurePauseMs: 50 };
      const callback = hang ? settle(hung(take, hang), times) : consumer(handler, { ...times, ...options });
      const messages = await source.consume({ callback, max_messages: 8 });
      return async () => {
        messages.stop();
        await messages.closed();
      };
    },
    close: () => connection.close(),
  };
}
