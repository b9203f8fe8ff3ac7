/**
 * The entry for NATS JetStream: a callback for messages of a consumer with explicit
 * acknowledgement. While a handler runs, the server is told so, or it would deliver the message
 * again after its wait. The NATS client itself is not imported.
 */
import { systemClock, type Clock } from '../core/clock.ts';
import { digest } from '../core/fingerprint.ts';
import { warn } from '../core/tell.ts';
import { whole } from '../operations/whole.ts';
import { comparing, consume, type JobHandler, type JobNaming, type JobOptions, type Take } from './consume.ts';
import type { JobAnswer } from './handle.ts';

/** What is used of a JetStream message. */
export interface NatsMessage {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly headers?: { get(name: string): string } | undefined;
  readonly info: {
    readonly stream: string;
    readonly streamSequence: number;
    readonly timestampNanos: number;
    readonly deliveryCount: number;
  };
  ack(): void;
  nak(delayMs?: number): void;
  term(reason?: string): void;
  working(): void;
}

/** How messages go back. */
export interface NatsSettling {
  /** How often the server is told that a handler still runs; default 10000 ms, for the usual `ack_wait` of 30 s. */
  readonly workingMs?: number;
  /** Pause before a message whose handler threw comes again; default 1000 ms, doubled with each delivery up to 60000 ms. */
  readonly failurePauseMs?: number;
  readonly clock?: Clock;
}

/** Options of `consumer`; each of the naming may be said otherwise. */
export interface NatsOptions<M extends NatsMessage> extends JobOptions<M>, Partial<JobNaming<M>>, NatsSettling {}

/**
 * The publisher's `Nats-Msg-Id` is the key, else the message's place in its stream (with its moment, because places
 * begin anew when a stream is made anew). The data is compared, byte for byte.
 */
export const naming: JobNaming<NatsMessage> = {
  key: ({ headers, info: { streamSequence, timestampNanos } }) => {
    const id = headers?.get('Nats-Msg-Id') ?? '';
    return id === '' ? `${streamSequence}@${timestampNanos}` : id;
  },
  scope: ({ info }) => ['nats', info.stream],
  operation: ({ subject }) => subject,
  fingerprint: ({ data }) => digest('body1', [data]),
};

const longestFailurePauseMs = 60_000;

/** A callback that does each message once: `consumer.consume({ callback: consumer(handler, { store }) })`. */
export function consumer<M extends NatsMessage>(
  handler: JobHandler<M, unknown>,
  options: NatsOptions<M>,
): (message: M) => Promise<void> {
  return settle(
    consume(handler, { ...comparing(naming, options?.input), onAnswer: warnOfTrouble, ...options }),
    options,
  );
}

/** The callback of a `Take`, for a bridge. It never rejects. Throws a TypeError for a wrong pause. */
export function settle<M extends NatsMessage>(
  take: Take<M>,
  { workingMs = 10_000, failurePauseMs = 1000, clock = systemClock }: NatsSettling = {},
): (message: M) => Promise<void> {
  whole('workingMs', workingMs);
  whole('failurePauseMs', failurePauseMs, 0);
  return async (message) => {
    const stop = every(clock, workingMs, () => message.working());
    const answer = await take(message);
    stop();
    switch (answer.kind) {
      case 'done':
        return message.ack();
      case 'later':
        return message.nak(answer.afterMs);
      case 'failed': {
        const pauseMs = failurePauseMs * 2 ** (message.info.deliveryCount - 1);
        return message.nak(Math.min(pauseMs, longestFailurePauseMs));
      }
      case 'refused':
        return message.term(answer.error.message);
    }
  };
}

function every(clock: Clock, pauseMs: number, act: () => void): () => void {
  let cancel = (): void => undefined;
  const next = (): void => {
    cancel = clock.after(pauseMs, () => {
      act();
      next();
    });
  };
  next();
  return () => cancel();
}

/** NATS keeps no errors: where nobody listens, they become process warnings. */
function warnOfTrouble(answer: JobAnswer): void {
  if (answer.kind === 'failed' || answer.kind === 'refused') warn(answer.error);
}
