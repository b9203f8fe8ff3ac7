/**
 * Tells an observer of something that happened. An observer's fault must neither stop
 * the work nor pass unseen; and what nobody observes and nobody is told of is a process warning.
 */

/** Calls `observer` with `event`; what it throws becomes a process warning. */
export function tell<E>(observer: (event: E) => void, event: E): void {
  try {
    observer(event);
  } catch (error) {
    warn(error);
  }
}

/** Warns of `error`. */
export function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error));
}
