/**
 * What a driver's error means here: wait and try again, this one call is at fault, or
 * the store cannot serve. Knows result codes of SQLite in the dialects of `node:sqlite`
 * (numbers) and `better-sqlite3` (names). Nothing is ever read as "no such record".
 */
import { IdempotencyError } from '../../core/errors.ts';

/** Which phase a call belongs to, for `store_unavailable`. */
export type Phase = 'start' | 'claim' | 'work' | 'complete' | 'other';

const codeNames: Readonly<Record<string, number>> = {
  ERROR: 1,
  PERM: 3,
  BUSY: 5,
  LOCKED: 6,
  NOMEM: 7,
  READONLY: 8,
  IOERR: 10,
  CORRUPT: 11,
  FULL: 13,
  CANTOPEN: 14,
  PROTOCOL: 15,
  TOOBIG: 18,
  CONSTRAINT: 19,
  MISMATCH: 20,
  RANGE: 25,
  NOTADB: 26,
};

const advice: Readonly<Record<number, string>> = {
  3: 'the file may not be opened; check its permissions',
  8: 'the database is read-only; make the file and its folder writable',
  11: 'the database file is damaged; restore it from a backup',
  14: 'the database file cannot be opened; check the folder and its permissions',
  26: 'the file is not a SQLite database; name another file',
};

// Passing trouble of the machine: memory, disk, locks.
const transientCodes: ReadonlySet<number> = new Set([5, 6, 7, 10, 13, 15]);
// Trouble with what was bound, which leaves the transaction standing.
const ownFaultCodes: ReadonlySet<number> = new Set([18, 19, 20, 25]);

/** Whether another connection is in the way, so that the same call may succeed soon. */
export function isBusy(error: unknown): boolean {
  const code = resultCode(error);
  return code === 5 || code === 6;
}

/** Whether the error belongs to one call and its transaction can go on. */
export function isOwnFault(error: unknown): boolean {
  if (IdempotencyError.is(error) || error instanceof TypeError || error instanceof RangeError) return true;
  const code = resultCode(error);
  return code !== undefined && ownFaultCodes.has(code);
}

/** What is thrown for a driver's error: `store_unavailable` when it may pass, else `store_unusable`. */
export function storeError(error: unknown, phase: Phase, doing: string): Error {
  if (IdempotencyError.is(error) || error instanceof TypeError || error instanceof RangeError) return error as Error;
  const text = error instanceof Error ? error.message : String(error);
  const code = resultCode(error);
  if (code !== undefined && transientCodes.has(code)) {
    return new IdempotencyError('store_unavailable', `${doing}: ${text}; try again`, { phase }, { cause: error });
  }
  if (text.includes('within a transaction')) return openTransaction(error);
  return unusable(`${doing}: ${(code === undefined ? undefined : advice[code]) ?? text}`, error);
}

/** The store must not be used as it is. */
export function unusable(reason: string, cause?: unknown): IdempotencyError<'store_unusable'> {
  return new IdempotencyError('store_unusable', reason, { reason }, { cause });
}

/** A transaction of the user's is open on his handle: his rollback would undo an answer already given. */
export function openTransaction(cause?: unknown): IdempotencyError<'store_unusable'> {
  return unusable(
    'a transaction is open on the database handle; commit it first, or give the store a file path of its own',
    cause,
  );
}

// The primary result code: the low byte of an extended one.
function resultCode(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { errcode, code } = error as { errcode?: unknown; code?: unknown };
  if (typeof errcode === 'number') return errcode & 0xff;
  if (typeof code !== 'string' || !code.startsWith('SQLITE_')) return undefined;
  return codeNames[code.split('_')[1] ?? ''];
}
