/**
 * Writes calls in one transaction, in their order. A call whose own values are at fault
 * fails alone; any other error undoes the transaction. Nobody is told anything before
 * COMMIT has returned (I5): what a call answers is handed back to be told afterwards.
 */
import { systemClock } from '../../core/clock.ts';
import type { Connection } from './connection.ts';
import { isBusy, isOwnFault, storeError } from './failure.ts';
import type { Waiting } from './waiting.ts';

/** What became of the calls. */
export type Written =
  /** The first `count` calls are committed; each is to be told. */
  | { readonly kind: 'committed'; readonly count: number }
  /** Another connection is in the way; nothing was written. */
  | { readonly kind: 'busy'; readonly error: unknown }
  /** Nothing was written; the calls from `first` up to `end` are to be failed, the others can be tried again. */
  | { readonly kind: 'failed'; readonly error: unknown; readonly first: number; readonly end: number };

/** Time and bytes of one transaction are bounded, since the event loop stands still meanwhile. */
const workMs = 8;
const workBytes = 1024 * 1024;

/** Writes as many of the calls, from the first on, as fit into one short transaction. Never throws. */
export function writeTogether(connection: Connection, calls: readonly Waiting[], nowMs: () => number): Written {
  const { statements } = connection;
  try {
    statements.beginImmediate.run();
  } catch (error) {
    return isBusy(error) ? { kind: 'busy', error } : { kind: 'failed', error, first: 0, end: calls.length };
  }
  const worked = work(connection, calls, nowMs());
  if (worked.kind === 'failed') {
    undo(connection);
    return worked;
  }
  try {
    statements.commit.run();
    return worked;
  } catch (error) {
    undo(connection);
    return isBusy(error) ? { kind: 'busy', error } : { kind: 'failed', error, first: 0, end: worked.count };
  }
}

function work(
  connection: Connection,
  calls: readonly Waiting[],
  nowMs: number,
): Exclude<Written, { readonly kind: 'busy' }> {
  const untilMs = systemClock.monotonicMs() + workMs;
  let count = 0;
  let bytes = 0;
  for (const waiting of calls) {
    bytes += waiting.call.bytes ?? 0;
    if (count > 0 && (bytes > workBytes || systemClock.monotonicMs() > untilMs)) break;
    try {
      waiting.write(connection, nowMs);
    } catch (error) {
      if (!isOwnFault(error)) return { kind: 'failed', error, first: count, end: count + 1 };
      waiting.failAlone(storeError(error, waiting.call.phase, 'cannot write'));
    }
    count++;
  }
  return { kind: 'committed', count };
}

/** Ends the transaction that an error may have left open. */
export function undo({ statements }: Connection): void {
  try {
    statements.rollback.run();
  } catch {
    // SQLite has ended it by itself, as it does on a full disk; that is what was wanted.
  }
}
