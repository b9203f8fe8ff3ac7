/**
 * What goes on beside ownership, inside a transaction that the queue opens: warming and
 * import, notes, what operators decide by the revision they saw (I15), erasing with a
 * tombstone left behind (I14), sweeping what has expired and nothing else (I13).
 */
import { erasedOutcome } from '../../core/outcome.ts';
import type {
  DurationMs,
  EraseAnswer,
  Note,
  RecordId,
  ResolveAnswer,
  ResolveAsk,
  StoredRecord,
  SweepAnswer,
  TimelineEvent,
} from '../../core/store.ts';
import { withEvent, withNote } from '../in-process/record-rules.ts';
import { parseList, splitChecked } from '../stored-form/checked-outcome.ts';
import { type Connection, atomically } from './connection.ts';
import type { SqliteValue } from './driver.ts';
import { findRecordRow, findRow } from './reading.ts';
import { type RecordRow, idBytes, instant, stateAt, timelineOf } from './rows.ts';

/** {@link Store.put}. */
export function put(connection: Connection, record: StoredRecord, nowMs: number): { readonly kind: 'put' | 'kept' } {
  const row = findRow(connection, record.id, nowMs);
  if (row !== undefined && row.revision >= record.revision) return { kind: 'kept' };
  const { statements } = connection;
  const id = idBytes(record.id);
  return atomically(connection, () => {
    statements.remove.run(id);
    statements.put.run(...columnsOf(record, nowMs));
    for (const step of record.steps) statements.saveStep.run(id, step.name, id, step.bytes);
    statements.countSteps.run(id, id);
    return { kind: 'put' };
  });
}

function columnsOf(record: StoredRecord, nowMs: number): SqliteValue[] {
  const { labels, state } = record;
  const isOwned = state === 'in-progress' || state === 'abandoned';
  const outcome = record.outcome === null ? null : splitChecked(record.id, record.outcome);
  return [
    idBytes(record.id),
    isOwned ? 'in-progress' : state,
    record.attempt,
    record.revision,
    record.token,
    record.fingerprint,
    isOwned ? instant(nowMs, record.leaseLeftMs ?? 0) : null,
    instant(nowMs, record.retentionLeftMs),
    0,
    JSON.stringify(labels.scope),
    labels.operation,
    labels.key,
    labels.owner,
    labels.method,
    labels.path,
    labels.eventId,
    record.firstSeenAtMs,
    record.lastSeenAtMs,
    record.completedAtMs,
    record.replayCount,
    record.conflictCount,
    JSON.stringify(record.conflictFingerprints),
    JSON.stringify(record.timeline),
    outcome?.kind ?? null,
    outcome?.head ?? null,
    outcome?.crc32 ?? null,
    outcome?.body ?? null,
  ];
}

/** One of the notes of {@link Store.note}. */
export function note(connection: Connection, one: Note, nowMs: number): void {
  const row = findRecordRow(connection, one.id, nowMs);
  if (row === undefined) return;
  const noted = withNote(
    {
      replayCount: row.replay_count,
      conflictCount: row.conflict_count,
      conflictFingerprints: parseList(row.conflict_fingerprints) as string[],
      timeline: timelineOf(row),
    },
    one,
    nowMs,
  );
  connection.statements.note.run(
    noted.replayCount,
    noted.conflictCount,
    JSON.stringify(noted.conflictFingerprints),
    JSON.stringify(noted.timeline),
    nowMs,
    idBytes(one.id),
  );
}

/** {@link Store.resolve}. */
export function resolve(connection: Connection, ask: ResolveAsk, nowMs: number): ResolveAnswer {
  const { id, seenRevision, decision, by } = ask;
  const row = findRecordRow(connection, id, nowMs);
  if (row === undefined) return { kind: 'absent' };
  if (row.revision !== seenRevision || stateAt(row, nowMs) !== 'abandoned') return { kind: 'changed' };
  const timeline = timelineWith(row, { atMs: nowMs, what: 'resolved', detail: `${by}: ${decision.kind}` });
  const { statements } = connection;
  if (decision.kind === 'rerun') {
    statements.reopen.run(instant(nowMs, decision.keepMs), timeline, idBytes(id));
  } else {
    const { kind, head, crc32, body } = splitChecked(id, decision.outcome);
    const expiresAtMs = instant(nowMs, decision.retentionMs);
    statements.settle.run(expiresAtMs, nowMs, kind, head, crc32, body, timeline, idBytes(id));
  }
  return { kind: 'resolved' };
}

function timelineWith(row: RecordRow, event: TimelineEvent): string {
  return JSON.stringify(withEvent(timelineOf(row), event));
}

/** {@link Store.erase}. Of what was noted only the counts stay: what others sent is as personal as what was stored. */
export function erase(connection: Connection, id: RecordId, keepMs: DurationMs, nowMs: number): EraseAnswer {
  const row = findRow(connection, id, nowMs);
  if (row === undefined) return { kind: 'absent' };
  if (stateAt(row, nowMs) === 'in-progress') return { kind: 'in-progress' };
  const { kind, head, crc32 } = splitChecked(id, erasedOutcome);
  const event: TimelineEvent = { atMs: nowMs, what: 'erased', detail: null };
  const expiresAtMs = instant(nowMs, keepMs);
  connection.statements.erase.run(expiresAtMs, nowMs, kind, head, crc32, JSON.stringify([event]), idBytes(id));
  return { kind: 'erased' };
}

/** {@link Store.sweep}, in one statement. */
export function sweep({ statements }: Connection, limit: number, nowMs: number): SweepAnswer {
  const removed = Number(statements.sweep.run(nowMs, limit).changes);
  return { removed, more: removed >= limit && statements.hasExpired.get(nowMs) !== undefined };
}
