/**
 * Rows of the database and what they mean at a given instant. What is read back is
 * checked before it is trusted: an outcome whose checksum differs throws
 * `record_unreadable` instead of replaying other bytes than were stored (I4).
 */
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
import { joinChecked, parseList, unreadable } from '../stored-form/checked-outcome.ts';

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

/** The outcome of a completed row, or null. Throws `record_unreadable` when its bytes are not those stored. */
export function outcomeOf(id: RecordId, row: DecidingRow): Outcome | null {
  if (row.outcome_kind === null) return null;
  const { outcome_kind: kind, outcome_head: head, outcome_body: body } = row;
  const parts = { kind, head: head ?? '', body: body === null ? null : plainBytes(body) };
  return joinChecked(id, parts, row.outcome_crc32);
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
