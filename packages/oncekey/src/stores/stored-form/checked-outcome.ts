/**
 * Outcomes with a checksum, for stores that keep bytes where other hands or a failing disk
 * can change them: what does not match throws `record_unreadable` instead of replaying
 * other bytes than were stored (I4). Knows no columns.
 */
import { crc32 } from 'node:zlib';
import { IdempotencyError } from '../../core/errors.ts';
import type { Outcome } from '../../core/outcome.ts';
import type { RecordId } from '../../core/store.ts';
import { joinOutcome, splitOutcome, type OutcomeParts } from './outcome.ts';

/** An outcome as its pieces and their checksum. */
export interface CheckedOutcome extends OutcomeParts {
  readonly crc32: number;
}

/** Splits an outcome for storing under this id. */
export function splitChecked(id: RecordId, outcome: Outcome): CheckedOutcome {
  const parts = splitOutcome(outcome);
  return { ...parts, crc32: checksum(id, parts) };
}

/** Puts an outcome together again. Throws `record_unreadable` when its bytes are not those stored. */
export function joinChecked(
  id: RecordId,
  parts: { readonly kind: string; readonly head: string; readonly body: Uint8Array | null },
  stored: number | null,
): Outcome {
  // Some drivers bind empty bytes as NULL. The checksum still tells an empty body from one that was lost.
  const hasBody = parts.kind === 'answer' || parts.kind === 'value';
  const whole = { ...parts, body: parts.body ?? (hasBody ? new Uint8Array(0) : null) };
  if (checksum(id, whole) !== stored) throw unreadable('its outcome does not match its checksum');
  return joinOutcome(whole);
}

/** A JSON list from a column. Throws `record_unreadable` for anything else. */
export function parseList(text: string): unknown[] {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch (cause) {
    throw unreadable('one of its lists is not JSON', cause);
  }
  if (!Array.isArray(list)) throw unreadable('one of its lists is not a list');
  return list as unknown[];
}

/** The error for a record that cannot be trusted. */
export function unreadable(reason: string, cause?: unknown): IdempotencyError<'record_unreadable'> {
  const message = `the stored record cannot be used: ${reason}; inspect or erase it`;
  return new IdempotencyError('record_unreadable', message, { reason }, { cause });
}

// The id is part of it: a body that ended up in another row is noticed too.
function checksum(id: RecordId, parts: { kind: string; head: string; body: Uint8Array | null }): number {
  const length = parts.body?.byteLength ?? 0;
  const head = crc32(`${id} ${parts.kind} ${length} ${parts.head}`);
  return parts.body === null || length === 0 ? head : crc32(parts.body, head);
}
