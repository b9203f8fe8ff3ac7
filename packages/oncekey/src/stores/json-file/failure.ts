/**
 * What a failing file means here: it passes (a full disk), or it stays until somebody
 * mends it (a damaged file). Nothing is ever read as "no such record".
 */
import { IdempotencyError } from '../../core/errors.ts';

const passing: ReadonlySet<string> = new Set([
  'ENOSPC',
  'EDQUOT',
  'EIO',
  'EMFILE',
  'ENFILE',
  'EAGAIN',
  'EBUSY',
  'ENOMEM',
  'ETIMEDOUT',
]);

/** The file must not be used as it is. */
export function unusable(reason: string, cause?: unknown): IdempotencyError<'store_unusable'> {
  return new IdempotencyError('store_unusable', reason, { reason }, { cause });
}

/** What is thrown for an error of the file system: `store_unavailable` when it may pass, else `store_unusable`. */
export function fileError(error: unknown, doing: string): IdempotencyError {
  if (IdempotencyError.is(error)) return error;
  const text = error instanceof Error ? error.message : String(error);
  if (passing.has(String((error as { code?: unknown } | null)?.code))) {
    return new IdempotencyError(
      'store_unavailable',
      `${doing}: ${text}; try again`,
      { phase: 'other' },
      { cause: error },
    );
  }
  return unusable(`${doing}: ${text}; check the path and its permissions`, error);
}
