/**
 * The entry for RabbitMQ by amqplib: a callback for `channel.consume` with acknowledgements. A
 * message to come again later is kept unacknowledged for its pause and then given back, so
 * that a prefetch bounds how many wait. amqplib itself is not imported.
 */
import { systemClock, type Clock } from '../core/clock.ts';
import { digest } from '../core/fingerprint.ts';
import { pause } from '../core/guard.ts';
import { warn } from '../core/tell.ts';
import { whole } from '../operations/whole.ts';
import { comparing, consume, type JobHandler, type JobNaming, type JobOptions, type Take } from './consume.ts';
import type { JobAnswer } from './handle.ts';

/** What is used of a message. */
export interface RabbitmqMessage {
  readonly content: Uint8Array;
  readonly properties: { readonly messageId?: unknown; readonly type?: unknown };
}

/** What is used of a channel. */
export interface RabbitmqChannel<M> {
  ack(message: M): void;
  nack(message: M, allUpTo?: boolean, requeue?: boolean): void;
}

/** How messages go back. */
export interface RabbitmqSettling {
  /** Pause before a message whose handler threw goes back to its queue; default 1000 ms. Limit retries by a quorum queue's delivery limit. */
  readonly failurePauseMs?: number;
  /** Called when the broker ends the consumer (its queue is gone); default: a process warning. */
  readonly onCancelled?: () => void;
  readonly clock?: Clock;
}

/** Options of `consumer`; each of the naming may be said otherwise. */
export interface RabbitmqOptions<M extends RabbitmqMessage>
  extends JobOptions<M>, Partial<JobNaming<M>>, RabbitmqSettling {
  /** The queue that is consumed, for the scope. */
  readonly queue: string;
}

/**
 * The publisher's `messageId` is the key: a message without one is refused, because nothing else in it is the same in
 * every delivery and different in every message. The content is compared, byte for byte.
 */
export function naming(queue: string): JobNaming<RabbitmqMessage> {
  if (typeof queue !== 'string' || queue.trim() === '')
    throw new TypeError('queue is missing; name the queue that is consumed, for the scope');
  return {
    key: ({ properties }) => properties.messageId as string | undefined,
    scope: ['rabbitmq', queue],
    operation: ({ properties: { type } }) => (typeof type === 'string' && type.trim() !== '' ? type : queue),
    fingerprint: ({ content }) => digest('body1', [content]),
  };
}

/** A callback that does each message once: `channel.consume(queue, consumer(channel, handler, { queue, store }))`. */
export function consumer<M extends RabbitmqMessage>(
  channel: RabbitmqChannel<M>,
  handler: JobHandler<M, unknown>,
  options: RabbitmqOptions<M>,
): (message: M | null) => void {
  const take = consume(handler, {
    ...comparing(naming(options?.queue), options.input),
    onAnswer: warnOfTrouble,
    ...options,
  });
  return settle(channel, take, options);
}

/** The callback of a `Take`, for a bridge. Throws a TypeError for a wrong pause. */
export function settle<M extends RabbitmqMessage>(
  channel: RabbitmqChannel<M>,
  take: Take<M>,
  { failurePauseMs = 1000, onCancelled = warnOfEnd, clock = systemClock }: RabbitmqSettling = {},
): (message: M | null) => void {
  whole('failurePauseMs', failurePauseMs, 0);
  const settleOne = async (message: M): Promise<void> => {
    const answer = await take(message);
    switch (answer.kind) {
      case 'done':
        return channel.ack(message);
      case 'later':
        await pause(clock, answer.afterMs);
        return channel.nack(message, false, true);
      case 'failed':
        await pause(clock, failurePauseMs);
        return channel.nack(message, false, true);
      case 'refused':
        return channel.nack(message, false, false);
    }
  };
  return (message) => {
    // A closed channel cannot settle any more; the broker has taken the message back and will deliver it again.
    if (message === null) onCancelled();
    else settleOne(message).catch(warn);
  };
}

/** RabbitMQ keeps no errors: where nobody listens, they become process warnings. */
function warnOfTrouble(answer: JobAnswer): void {
  if (answer.kind === 'failed' || answer.kind === 'refused') warn(answer.error);
}

function warnOfEnd(): void {
  warn(new Error('rabbitmq: the broker ended the consumer; its queue is gone or has moved'));
}
