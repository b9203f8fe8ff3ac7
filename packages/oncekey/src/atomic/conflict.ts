/**
 * Why a transaction failed: only because others stood in its way, or because the database
 * refused it, by the codes of PostgreSQL, MySQL, MariaDB and SQLite. Libraries wrap drivers'
 * errors, some twice.
 */

// 40001 serialisation failure, 40P01 deadlock; 1213 deadlock, 1205 lock wait, 1020 changed since read.
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
  readonly errcode?: unknown;
  readonly severity?: unknown;
  readonly cause?: unknown;
  readonly driverError?: unknown;
  readonly original?: unknown;
}

/** Whether to run the transaction again: the error, or what it wraps up to three deep, is a conflict. For an `AtomicDatabase` of your own. */
export function isConflict(error: unknown): boolean {
  return isAny(error, ({ code, errno }) => codes.has(code) || codes.has(errno));
}

/** Whether the database has said that it did not commit, and why: a constraint checked at the end. To run it again would be no use. */
export function isRefusal(error: unknown): boolean {
  return isAny(error, isRefused);
}

// PostgreSQL: but for what ends the session, which may come after the commit. SQLite: a constraint, by its first code.
function isRefused({ code, errcode, severity }: Wrapped): boolean {
  if (typeof severity === 'string') return !/^(08|57P|XX)/.test(String(code));
  return String(code).startsWith('SQLITE_CONSTRAINT') || Number(errcode) % 256 === 19;
}

function isAny(error: unknown, is: (one: Wrapped) => boolean): boolean {
  let one = error as Wrapped | null | undefined;
  for (let depth = 0; depth < 4 && typeof one === 'object' && one !== null; depth++) {
    if (is(one)) return true;
    one = (one.cause ?? one.driverError ?? one.original) as Wrapped | undefined;
  }
  return false;
}
