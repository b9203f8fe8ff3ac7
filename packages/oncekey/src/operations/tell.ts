/**
 * Tells an observer of something that happened. An observer's fault must neither stop
 * the work nor pass unseen; and what nobody observes and nobody is told of is a process warning.
 */
import { inspect } from 'node:util';
import { isPromise } from '../core/maybe.ts';

/** Calls `observer` with `event`; what it throws, now or as a promise, becomes a process warning. */
export function tell<E>(observer: (event: E) => void, event: E): void {
  try {
    const told: unknown = observer(event);
    // An async function fits `void`, and nobody else would hear what it rejects with: Node would end the process.
    if (isPromise(told)) told.then(undefined, warn);
  } catch (error) {
    warn(error);
  }
}

/** Warns of `error`. */
export function warn(error: unknown): void {
  if (error instanceof Error) process.emitWarning(error);
  // Not every object can be made into text.
  else process.emitWarning(typeof error === 'string' ? error : inspect(error));
}
