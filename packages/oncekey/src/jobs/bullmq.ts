/**
 * The entry for BullMQ: a processor for its `Worker`. What runs elsewhere is moved to the
 * delayed jobs and costs no attempt; what no retry can mend fails at once. BullMQ itself is
 * not imported: it knows its own errors by their names too.
 */
import { systemClock, type Clock } from '../core/clock.ts';
import { consume, type JobHandler, type JobNaming, type JobOptions, type Take } from './consume.ts';
import type { JobAnswer } from './handle.ts';

/** What is used of a BullMQ job. */
export interface BullmqJob {
  readonly id?: string | undefined;
  readonly name: string;
  readonly queueName: string;
  readonly timestamp: number;
  moveToDelayed(timestampMs: number, token?: string): Promise<void>;
}

/** Options of `processor`; each of the naming may be said otherwise. */
export interface BullmqOptions<J extends BullmqJob> extends JobOptions<J>, Partial<JobNaming<J>> {
  readonly clock?: Clock;
}

/**
 * A job's id within its queue is the key. Ids that BullMQ counts itself begin anew when a queue is obliterated, so the
 * moment of their making is part of the key; an id of your own keeps its effect to one for as long as records are kept.
 * Data is not compared, because a handler may update it between attempts: pass `input` where it stays.
 */
export const naming: JobNaming<BullmqJob> = {
  key: ({ id, timestamp }) => (id !== undefined && /^\d+$/.test(id) ? `${id}@${timestamp}` : id),
  scope: ({ queueName }) => ['bullmq', queueName],
  // BullMQ takes a blank name, and an operation is optional.
  operation: ({ name }) => (name.trim() === '' ? undefined : name),
};

/** A processor that does each job once: `new Worker(queue, processor(handler, { store }), { connection })`. */
export function processor<J extends BullmqJob, T>(
  handler: JobHandler<J, T>,
  options: BullmqOptions<J>,
): (job: J, token?: string) => Promise<T> {
  return settle(consume(handler, { ...naming, ...options }), options.clock);
}

/** The processor of a `Take`, for a bridge. */
export function settle<J extends BullmqJob, T>(
  take: Take<J, T>,
  clock: Clock = systemClock,
): (job: J, token?: string) => Promise<T> {
  return (job, token) =>
    take(job).then((answer) => (answer.kind === 'done' ? answer.value : giveBack(job, token, answer, clock)));
}

async function giveBack(
  job: BullmqJob,
  token: string | undefined,
  answer: Exclude<JobAnswer, { kind: 'done' }>,
  clock: Clock,
): Promise<never> {
  switch (answer.kind) {
    case 'later':
      await job.moveToDelayed(clock.nowMs() + answer.afterMs, token);
      throw named('DelayedError', answer.error);
    case 'failed':
      throw answer.error;
    case 'refused':
      throw named('UnrecoverableError', answer.error);
  }
}

function named(name: string, cause: Error): Error {
  return Object.assign(new Error(cause.message, { cause }), { name });
}
