/**
 * Jobs that take effect once, whatever brings them: the message's id is the key, and the
 * queue is told what to do with the message. It knows no queue; entries for some are beside it.
 */
import { isPromise } from '../core/maybe.ts';
import type { Fingerprint, Store } from '../core/store.ts';
import type { Work } from '../core/work.ts';
import { type Scope, soundName, soundScope } from '../operations/names.ts';
import { createOnce, type Once, type OperationCall, type RunResult } from '../operations/once.ts';
import { type CallPolicy, choose } from '../operations/options.ts';
import { tell } from '../core/tell.ts';
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
export interface JobOptions<M> extends Omit<CallPolicy, 'failures' | 'currentWork'> {
  /** Where jobs are recorded; or `once`, made by `createOnce`. */
  readonly store?: Store;
  readonly once?: Once;
  /**
   * Whether `currentWork()` finds the work, too, in all that a handler starts; default false: the handler is given it, and
   * before Node 24 finding it would cost a worker a seventh of its jobs.
   */
  readonly currentWork?: boolean;
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
  if (typeof options?.key !== 'function')
    throw new TypeError('key is missing; pass a function that gives the job’s id');
  checkNames(options);
  const policy = policyOf(options);
  choose(policy);
  const { once, store, onAnswer } = options;
  // What a `once` of its own is told here need not be said with each message.
  const take =
    store === undefined || once !== undefined
      ? taker(given(once, store), handler, options, policy)
      : taker(createOnce({ store, ...policy }), handler, options, {});
  if (onAnswer === undefined) return take;
  return async (message) => {
    const answer = await take(message);
    tell((one) => onAnswer(one, message), answer);
    return answer;
  };
}

/** A queue's own naming; without its fingerprint where `input` is said, which is what the caller wants compared. */
export function comparing<M>(naming: JobNaming<M>, input: unknown): JobNaming<M> {
  const { fingerprint: _bytes, ...others } = naming;
  return input === undefined ? naming : others;
}

/** What is the same for all messages is checked now: told with each of them, it would have every one refused. */
function checkNames<M>({ scope, operation }: JobNaming<M>): void {
  try {
    if (typeof scope !== 'function') soundScope(scope);
    if (operation !== undefined && typeof operation !== 'function') soundName('operation', operation);
  } catch (error) {
    throw new TypeError(`a job’s name cannot be used: ${(error as Error).message}`, { cause: error });
  }
}

function given(once: Once | undefined, store: Store | undefined): Once {
  if (typeof once?.run === 'function' && store === undefined) return once;
  throw new TypeError('pass store or once, one of them');
}

function taker<M, T>(
  once: Once,
  handler: JobHandler<M, T>,
  naming: JobNaming<M>,
  policy: CallPolicy,
): (message: M) => Promise<JobAnswer<T>> {
  return (message) => {
    let byHandler = false;
    const failed = (error: unknown): never => {
      byHandler = true;
      throw error;
    };
    const act = (work: Work): T | Promise<T> => {
      try {
        const result = handler(message, work);
        return isPromise(result) ? result.then(undefined, failed) : result;
      } catch (error) {
        return failed(error);
      }
    };
    const refused = (error: unknown): JobAnswer<T> => answerFor(error, byHandler);
    try {
      return once.run(callFor(naming, policy, message), act).then(doneWith, refused);
    } catch (error) {
      return Promise.resolve(refused(error));
    }
  };
}

function doneWith<T>({ status, value }: RunResult<T>): JobAnswer<T> {
  return { kind: 'done', value, replayed: status === 'replayed' };
}

function callFor<M>(naming: JobNaming<M>, policy: CallPolicy, message: M): OperationCall {
  const { scope, operation } = naming;
  const call: Writable<OperationCall> = {
    ...policy,
    key: naming.key(message) as string,
    scope: typeof scope === 'function' ? scope(message) : scope,
  };
  const name = typeof operation === 'function' ? operation(message) : operation;
  if (name !== undefined) call.operation = name;
  const input = naming.input?.(message);
  if (input !== undefined) call.input = input;
  const fingerprint = naming.fingerprint?.(message);
  if (fingerprint !== undefined) call.fingerprint = fingerprint;
  return call;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** The policy that is there: queues own the retries, so that failures are released; a handler is given its work. */
function policyOf({ currentWork = false, ...given }: CallPolicy): CallPolicy {
  const { leaseMs, retentionMs, inProgress, waitMs, abandoned } = given;
  const policy = { leaseMs, retentionMs, inProgress, waitMs, abandoned, failures: 'release', currentWork };
  return Object.fromEntries(Object.entries(policy).filter(([, value]) => value !== undefined));
}
