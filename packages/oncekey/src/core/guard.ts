/**
 * Store calls with an end: an answer, or a failure as a value, within the store timeout.
 * Nothing above ever waits on a silent store (I10), and no failure passes as an answer (I11).
 */
import type { Clock } from './clock.ts';
import { IdempotencyError } from './errors.ts';
import { isPromise, type MaybePromise } from './maybe.ts';

/** A store call that threw or did not answer in time. */
export class StoreFailure {
  readonly error: unknown;
  /** Whether asking again at once may help: only the reply may have been lost, and the store was not silent. */
  readonly mayPass: boolean;
  constructor(error: unknown, mayPass: boolean = !IdempotencyError.is(error) || error.retryable) {
    this.error = error;
    this.mayPass = mayPass;
  }
}

/** Makes one store call; `late` gets the answer that arrives after it was given up. */
export type Guard = <T>(call: () => MaybePromise<T>, late?: (answer: T) => void) => MaybePromise<T | StoreFailure>;

/** What `storeTimeoutMs` is where nobody says otherwise. */
export const defaultStoreTimeoutMs = 2000;

/** A guard that gives up after `timeoutMs`. A synchronous answer costs no timer. */
export function createGuard(clock: Clock, timeoutMs: number): Guard {
  return (call, late) => {
    try {
      const answer = call();
      return isPromise(answer) ? answerInTime(clock, timeoutMs, answer, late) : answer;
    } catch (error) {
      return new StoreFailure(error);
    }
  };
}

function answerInTime<T>(
  clock: Clock,
  timeoutMs: number,
  answer: Promise<T>,
  late?: (answer: T) => void,
): Promise<T | StoreFailure> {
  return new Promise((resolve) => {
    let givenUp = false;
    const cancel = clock.after(timeoutMs, () => {
      givenUp = true;
      resolve(new StoreFailure(silent(timeoutMs), false));
    });
    const arrive = (value: T | StoreFailure): void => {
      cancel();
      if (givenUp && !(value instanceof StoreFailure)) late?.(value);
      resolve(value);
    };
    answer.then(arrive, (error: unknown) => arrive(new StoreFailure(error)));
  });
}

function silent(timeoutMs: number): IdempotencyError<'store_unavailable'> {
  const message = `the store did not answer within ${timeoutMs} ms; check that it is up and reachable`;
  return new IdempotencyError('store_unavailable', message, { phase: 'other' });
}

/** Resolves after `delayMs`. */
export function pause(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => void clock.after(delayMs, resolve));
}
