/**
 * Rows of the database and what they mean at a given instant. What is read back is
 * checked before it is trusted: an outcome whose checksum differs throws
 * `record_unreadable` instead of replaying other bytes than were stored (I4).
 */
import { crc32 } from 'node:zlib';
import { IdempotencyError } from '../../core/errors.ts';
import type { Outcome } from '../../core/outcome.ts';
import type {
  Completed,
  DurationMs,
  RecordId,
  RecordState,
  SavedStep,
  StoredRecord,
  TimelineEvent,
} from '../../core/store.ts';
import { joinOutcome, splitOutcome, type OutcomeParts } from '../stored-form/outcome.ts';

/** The columns that decide a claim. */
export interface DecidingRow {
  readonly state: 'in-progress' | 'open' | 'completed' | 'erased';
  readonly attempt: number;
  readonly revision: number;
  readonly token: string | null;
  readonly fingerprint: string | null;
  readonly lease_end_ms: number | null;
  readonly expires_at_ms: number | null;
  readonly step_count: number;
  readonly completed_at_ms: number | null;
  readonly outcome_kind: string | null;
  readonly outcome_head: string | null;
  readonly outcome_crc32: number | null;
  readonly outcome_body: Uint8Array | null;
}

/** All columns. */
export interface RecordRow extends DecidingRow {
  readonly id: Uint8Array;
  readonly scope: string;
  readonly operation: string | null;
  readonly key: string;
  readonly owner: string | null;
  readonly method: string | null;
  readonly path: string | null;
  readonly event_id: string | null;
  readonly first_seen_at_ms: number;
  readonly last_seen_at_ms: number;
  readonly replay_count: number;
  readonly conflict_count: number;
  readonly conflict_fingerprints: string;
  readonly timeline: string;
}

/** An outcome as its columns: the pieces and their checksum. */
export interface StoredOutcome extends OutcomeParts {
  readonly crc32: number;
}

/** The instant `durationMs` from now; null for ever. Whole milliseconds, rounded up. */
export function instant(nowMs: number, durationMs: DurationMs): number | null {
  return durationMs === null ? null : Math.min(Math.ceil(nowMs + durationMs), Number.MAX_SAFE_INTEGER);
}

/** The record id as it is stored. */
export function idBytes(id: RecordId): Uint8Array {
  return Buffer.from(id, 'hex');
}

/** Whether the row counts as absent though no sweep has run. */
export function isExpired(row: DecidingRow, nowMs: number): boolean {
  return row.expires_at_ms !== null && row.expires_at_ms <= nowMs;
}

/** The state by the store's clock: in progress with the lease over is abandoned. */
export function stateAt(row: DecidingRow, nowMs: number): RecordState {
  return row.state === 'in-progress' && (row.lease_end_ms ?? 0) <= nowMs ? 'abandoned' : row.state;
}

/** Splits an outcome for storing under this id. */
export function storeOutcome(id: RecordId, outcome: Outcome): StoredOutcome {
  const parts = splitOutcome(outcome);
  return { ...parts, crc32: checksum(id, parts) };
}

/** The outcome of a completed row, or null. Throws `record_unreadable` when its bytes are not those stored. */
export function outcomeOf(id: RecordId, row: DecidingRow): Outcome | null {
  if (row.outcome_kind === null) return null;
  const parts = { kind: row.outcome_kind, head: row.outcome_head ?? '', body: bodyOf(row) };
  if (checksum(id, parts) !== row.outcome_crc32) throw unreadable('its outcome does not match its checksum');
  return joinOutcome(parts);
}

// Drivers bind empty bytes as NULL. The checksum still tells an empty body from one that was lost.
function bodyOf({ outcome_kind: kind, outcome_body: body }: DecidingRow): Uint8Array | null {
  if (body !== null) return plainBytes(body);
  return kind === 'answer' || kind === 'value' ? new Uint8Array(0) : null;
}

/** The answer that a completed row gives to every claim. */
export function completedAnswer(id: RecordId, row: DecidingRow): Completed {
  const outcome = outcomeOf(id, row);
  if (outcome === null || row.completed_at_ms === null) throw unreadable('it is completed without an outcome');
  const { fingerprint, attempt, completed_at_ms: completedAtMs } = row;
  return { kind: 'completed', fingerprint, attempt, completedAtMs, outcome };
}

/** The whole record at the given instant. */
export function toRecord(row: RecordRow, steps: readonly SavedStep[], nowMs: number): StoredRecord {
  const id = Buffer.from(row.id).toString('hex');
  const state = stateAt(row, nowMs);
  const live = state === 'in-progress';
  return {
    id,
    state,
    attempt: row.attempt,
    token: row.token,
    fingerprint: row.fingerprint,
    revision: row.revision,
    leaseLeftMs: live && row.lease_end_ms !== null ? row.lease_end_ms - nowMs : null,
    retentionLeftMs: live || row.expires_at_ms === null ? null : row.expires_at_ms - nowMs,
    labels: {
      scope: parseList(row.scope) as string[],
      operation: row.operation,
      key: row.key,
      owner: row.owner,
      method: row.method,
      path: row.path,
      eventId: row.event_id,
    },
    outcome: outcomeOf(id, row),
    steps,
    firstSeenAtMs: row.first_seen_at_ms,
    lastSeenAtMs: row.last_seen_at_ms,
    completedAtMs: row.completed_at_ms,
    replayCount: row.replay_count,
    conflictCount: row.conflict_count,
    conflictFingerprints: parseList(row.conflict_fingerprints) as string[],
    timeline: timelineOf(row),
  };
}

/** The events of a row, oldest first. */
export function timelineOf(row: Pick<RecordRow, 'timeline'>): TimelineEvent[] {
  return parseList(row.timeline) as TimelineEvent[];
}

/** Bytes without the driver's own kind of buffer around them. */
export function plainBytes(bytes: Uint8Array): Uint8Array {
  return bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
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

// The id is part of it: a body that ended up in another row is noticed too.
function checksum(id: RecordId, parts: { kind: string; head: string; body: Uint8Array | null }): number {
  const length = parts.body?.byteLength ?? 0;
  const head = crc32(`${id} ${parts.kind} ${length} ${parts.head}`);
  return parts.body === null || length === 0 ? head : crc32(parts.body, head);
}

function unreadable(reason: string, cause?: unknown): IdempotencyError<'record_unreadable'> {
  const message = `the stored record cannot be used: ${reason}; inspect or erase it`;
  return new IdempotencyError('record_unreadable', message, { reason }, { cause });
}
