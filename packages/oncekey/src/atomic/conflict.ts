/**
 * Whether a transaction failed only because others stood in its way, by the codes of
 * PostgreSQL, MySQL, MariaDB and SQLite. Libraries wrap drivers' errors, some twice.
 */

// 40001 serialisation failure, 40P01 deadlock, 23505 somebody else's insert; 1213 deadlock, 1205 lock wait, 1020 changed since read.
const codes: ReadonlySet<unknown> = new Set([
  '40001',
  '40P01',
  'ER_LOCK_DEADLOCK',
  'ER_LOCK_WAIT_TIMEOUT',
  'ER_CHECKREAD',
  1213,
  1205,
  1020,
  'SQLITE_BUSY',
  'SQLITE_BUSY_SNAPSHOT',
]);

interface Wrapped {
  readonly code?: unknown;
  readonly errno?: unknown;
  readonly cause?: unknown;
  readonly driverError?: unknown;
  readonly original?: unknown;
}

/** Whether to run the transaction again: the error, or what it wraps up to three deep, is a conflict. For an `AtomicDatabase` of your own. */
export function isConflict(error: unknown): boolean {
  let one = error as Wrapped | null | undefined;
  for (let depth = 0; depth < 4 && typeof one === 'object' && one !== null; depth++) {
    if (codes.has(one.code) || codes.has(one.errno)) return true;
    one = (one.cause ?? one.driverError ?? one.original) as Wrapped | undefined;
  }
  return false;
}
