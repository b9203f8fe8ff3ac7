/**
 * Faults that nobody is left to be told of become process warnings: an answer is not
 * stopped for them, and they do not pass unseen.
 */

/** Warns of `error`. */
export function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error));
}
