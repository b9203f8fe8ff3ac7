/**
 * Jobs that take effect once, whatever brings them: the message's id is the key, and the
 * queue is told what to do with the message. It knows no queue; entries for some are beside it.
 */
import type { Fingerprint, Store } from '../core/store.ts';
import type { Work } from '../core/work.ts';
import type { Scope } from '../operations/names.ts';
import { createOnce, type Once, type OperationCall } from '../operations/once.ts';
import type { CallPolicy } from '../operations/options.ts';
import { tell } from '../operations/tell.ts';
import { answerFor, type JobAnswer } from './handle.ts';

/** Does a job; its result (JSON) is kept and given to redeliveries. */
export type JobHandler<M, T> = (message: M, work: Work) => T | Promise<T>;

/** Takes a message and says what the queue is to do with it. Never rejects. */
export type Take<M, T = unknown> = (message: M) => Promise<JobAnswer<T>>;

/** How a message names its operation. */
export interface JobNaming<M> {
  /** The message's id, the same in every delivery; a message without one is refused. */
  readonly key: (message: M) => string | undefined;
  /** Who the ids belong to, such as a queue's name. */
  readonly scope: Scope | ((message: M) => Scope);
  /** What is done, such as the job's name; what a completer finds it by. */
  readonly operation?: string | ((message: M) => string | undefined);
  /** What the message asks for, as any JSON value: one id with other input is refused. Default: not compared. */
  readonly input?: (message: M) => unknown;
  /** A digest instead of `input`, for messages of bytes. */
  readonly fingerprint?: (message: M) => Fingerprint;
}

/** Where jobs are recorded and how they are treated. */
export interface JobOptions<M> extends Omit<CallPolicy, 'failures'> {
  /** Where jobs are recorded; or `once`, made by `createOnce`. */
  readonly store?: Store;
  readonly once?: Once;
  /** Hears what became of each message. */
  readonly onAnswer?: (answer: JobAnswer, message: M) => void;
}

/** Options of `consume`. */
export interface ConsumeOptions<M> extends JobNaming<M>, JobOptions<M> {}

/**
 * Runs `handler` once for each message, however often the message is delivered. A handler that throws is released, its
 * finished steps kept, for the queue to deliver again. Throws a TypeError for a wrong option.
 */
export function consume<M, T>(handler: JobHandler<M, T>, options: ConsumeOptions<M>): Take<M, T> {
  if (typeof handler !== 'function') throw new TypeError('handler is missing; pass the function that does a job');
  if (typeof options.key !== 'function') throw new TypeError('key is missing; pass a function that gives the job’s id');
  const once = onceOf(options);
  return async (message) => {
    const answer = await take(once, handler, options, message);
    if (options.onAnswer !== undefined) tell((one) => options.onAnswer?.(one, message), answer);
    return answer;
  };
}

async function take<M, T>(
  once: Once,
  handler: JobHandler<M, T>,
  options: ConsumeOptions<M>,
  message: M,
): Promise<JobAnswer<T>> {
  let byHandler = false;
  try {
    const { status, value } = await once.run(callFor(options, message), async (work) => {
      try {
        return await handler(message, work);
      } catch (error) {
        byHandler = true;
        throw error;
      }
    });
    return { kind: 'done', value, replayed: status === 'replayed' };
  } catch (error) {
    return answerFor(error, byHandler);
  }
}

function callFor<M>(options: ConsumeOptions<M>, message: M): OperationCall {
  const { key, scope, operation, input, fingerprint, leaseMs, retentionMs, inProgress, waitMs, abandoned } = options;
  const name = typeof operation === 'function' ? operation(message) : operation;
  return {
    key: key(message) as string,
    scope: typeof scope === 'function' ? scope(message) : scope,
    ...given({ operation: name, leaseMs, retentionMs, inProgress, waitMs, abandoned }),
    ...given({ input: input?.(message), fingerprint: fingerprint?.(message) }),
    failures: 'release',
  };
}

/** The members that are there. */
function given<T extends object>(members: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(members).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

function onceOf({ once, store }: { readonly once?: Once; readonly store?: Store }): Once {
  if (once !== undefined && store === undefined) return once;
  if (store === undefined || once !== undefined) throw new TypeError('pass store or once, one of them');
  return createOnce({ store });
}
