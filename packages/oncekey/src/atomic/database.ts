/**
 * The user's own database as atomic mode sees it: it begins and ends transactions, and runs
 * statements in them. Adapters for the usual libraries are in `oncekey/atomic`.
 */
import type { Executor } from '../core/store.ts';

/** A database that the user's writes and the record share. `Tx` is what the library hands to a transaction's function. */
export interface AtomicDatabase<Tx> {
  /**
   * Runs `act` in one transaction: commits when it resolves, rolls back when it rejects, and rejects with what went
   * wrong. `execute` runs statements inside that transaction. With `bounds`, the first and the last thing that `act` does
   * is to execute a statement: the database may send them together with the beginning and with the commit.
   */
  transaction<T>(act: (tx: Tx, execute: Executor) => Promise<T>, bounds?: 'by executing'): Promise<T>;
  /** Whether the transaction failed because somebody else stood in its way (a deadlock, a serialisation failure): it is run again. */
  isConflict(error: unknown): boolean;
}

/** Throws a TypeError for what is no such database, such as a pool that nobody has wrapped. */
export function checkDatabase(db: AtomicDatabase<unknown>): void {
  if (typeof db?.transaction === 'function' && typeof db.isConflict === 'function') return;
  throw new TypeError('atomic: db is no database of atomic mode; wrap yours, such as pgDatabase(pool)');
}
