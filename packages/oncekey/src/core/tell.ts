/** Observers, and faults that nobody else is told of: neither stops the work or an answer, and none passes unseen. */
import { inspect } from 'node:util';
import { isPromise } from './maybe.ts';

/** Calls `observer` with `event`; what it throws, now or as a promise, becomes a process warning. */
export function tell<E>(observer: (event: E) => void, event: E): void {
  try {
    const told: unknown = observer(event);
    if (isPromise(told)) told.then(undefined, warn);
  } catch (error) {
    warn(error);
  }
}

/** Makes a process warning of `error`. */
export function warn(error: unknown): void {
  process.emitWarning(error instanceof Error || typeof error === 'string' ? error : inspect(error));
}
