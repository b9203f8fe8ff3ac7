/**
 * Rows of the table and what they mean at the instant they were read, by the server's own
 * clock, which each of them brings along. What is read back is checked before it is
 * trusted; what cannot be throws `record_unreadable`, and is never taken for absent.
 */
import type { Outcome } from '../../core/outcome.ts';
import type { Completed, RecordId, RecordState, SavedStep, StoredRecord, TimelineEvent } from '../../core/store.ts';
import { joinChecked, parseList, unreadable } from '../stored-form/checked-outcome.ts';
import type { Cell } from './client.ts';
import { nowUs } from './statement.ts';
import { stepsFrom } from './steps.ts';

/** The columns that decide, as {@link deciding} reads them; a living row has not expired when it was read. */
export const decidingColumns: string = `${nowUs}, id, state, attempt, revision, token, fingerprint, lease_end_us, expires_at_us,
  completed_at_us, steps, outcome_kind, outcome_crc32, outcome_head, outcome_body`;

/** Those and all others, as {@link whole} reads them. */
export const allColumns: string = `${decidingColumns}, record_number, keep_us, first_seen_at_us, last_seen_at_us, replay_count,
  conflict_count, scope, operation, \`key\`, owner, method, path, event_id, conflict_fingerprints, timeline`;

/** What decides a claim. */
export interface DecidingRow {
  readonly nowUs: number;
  readonly id: RecordId;
  readonly state: 'in-progress' | 'open' | 'completed' | 'erased';
  readonly attempt: number;
  readonly revision: number;
  readonly token: string | null;
  readonly fingerprint: string | null;
  readonly leaseEndUs: number | null;
  readonly expiresAtUs: number | null;
  readonly completedAtUs: number | null;
  readonly steps: Uint8Array | null;
  readonly outcomeKind: string | null;
  readonly outcomeCrc32: number | null;
  readonly outcomeHead: string | null;
  readonly outcomeBody: Uint8Array | null;
}

/** A row by its columns. Throws `record_unreadable` for one that this library would not have written. */
export function deciding(cells: readonly Cell[]): DecidingRow {
  const [now, id, state, attempt, revision, token, fingerprint, leaseEnd, expiresAt, completedAt] = cells;
  const [steps, kind, crc32, head, body] = cells.slice(10);
  return {
    nowUs: Number(now),
    id: Buffer.from(bytesOf(id) ?? []).toString('hex'),
    state: stateOf(textOf(state)),
    attempt: Number(attempt),
    revision: Number(revision),
    token: textOf(token),
    fingerprint: textOf(fingerprint),
    leaseEndUs: numberOf(leaseEnd),
    expiresAtUs: numberOf(expiresAt),
    completedAtUs: numberOf(completedAt),
    steps: bytesOf(steps),
    outcomeKind: textOf(kind),
    outcomeCrc32: numberOf(crc32),
    outcomeHead: textOf(head),
    outcomeBody: bytesOf(body),
  };
}

function stateOf(state: string | null): DecidingRow['state'] {
  if (state === 'in-progress' || state === 'open' || state === 'completed' || state === 'erased') return state;
  throw unreadable(`it has state ${JSON.stringify(state)}, which this program does not know`);
}

function numberOf(cell: Cell | undefined): number | null {
  return cell === null || cell === undefined ? null : Number(cell);
}

function textOf(cell: Cell | undefined): string | null {
  if (cell === null || cell === undefined) return null;
  return cell instanceof Uint8Array ? Buffer.from(cell.buffer, cell.byteOffset, cell.byteLength).toString() : `${cell}`;
}

function bytesOf(cell: Cell | undefined): Uint8Array | null {
  if (cell === null || cell === undefined) return null;
  if (cell instanceof Uint8Array) return new Uint8Array(cell.buffer, cell.byteOffset, cell.byteLength);
  throw unreadable('a column of bytes holds something else; let the client give binary columns as Buffers');
}

/** Whether the row counts as absent though no sweep has run. */
export function isExpired(row: Pick<DecidingRow, 'nowUs' | 'expiresAtUs'>): boolean {
  return row.expiresAtUs !== null && row.expiresAtUs <= row.nowUs;
}

/** The state by the server's clock: in progress with the lease over is abandoned. */
export function stateAt(row: Pick<DecidingRow, 'nowUs' | 'state' | 'leaseEndUs'>): RecordState {
  return row.state === 'in-progress' && (row.leaseEndUs ?? 0) <= row.nowUs ? 'abandoned' : row.state;
}

/** The outcome, or null. Throws `record_unreadable` when its bytes are not those stored. */
function outcomeOf(row: DecidingRow): Outcome | null {
  const { outcomeKind: kind, outcomeHead: head, outcomeBody: body } = row;
  return kind === null ? null : joinChecked(row.id, { kind, head: head ?? '', body }, row.outcomeCrc32);
}

/** The answer that a completed row gives to every claim. */
export function completedAnswer(row: DecidingRow): Completed {
  const outcome = outcomeOf(row);
  if (outcome === null || row.completedAtUs === null) throw unreadable('it is completed without an outcome');
  const { fingerprint, attempt } = row;
  return { kind: 'completed', fingerprint, attempt, completedAtMs: toMs(row.completedAtUs), outcome };
}

/** The steps of a row in the order saved. */
export function savedSteps(row: DecidingRow): SavedStep[] {
  return row.steps === null ? [] : stepsFrom(row.steps);
}

/** An instant for people. */
export function toMs(us: number): number {
  return Math.floor(us / 1000);
}

/** The events of a timeline column, oldest first. */
export function timelineFrom(cell: Cell | undefined): TimelineEvent[] {
  return parseList(textOf(cell) ?? '[]') as TimelineEvent[];
}

/** The texts of a list column. */
export function textsFrom(cell: Cell | undefined): string[] {
  return parseList(textOf(cell) ?? '[]') as string[];
}

/** The whole record, and its number. */
export function whole(cells: readonly Cell[]): { readonly number: number; readonly record: StoredRecord } {
  const row = deciding(cells);
  const [number, , firstSeen, lastSeen, replays, conflicts, ...rest] = cells.slice(15);
  const [scope, operation, key, owner, method, path, eventId, fingerprints, timeline] = rest;
  const state = stateAt(row);
  const live = state === 'in-progress';
  const record: StoredRecord = {
    id: row.id,
    state,
    attempt: row.attempt,
    token: row.token,
    fingerprint: row.fingerprint,
    revision: row.revision,
    leaseLeftMs: live && row.leaseEndUs !== null ? (row.leaseEndUs - row.nowUs) / 1000 : null,
    retentionLeftMs: live || row.expiresAtUs === null ? null : (row.expiresAtUs - row.nowUs) / 1000,
    labels: {
      scope: textsFrom(scope),
      operation: textOf(operation),
      key: textOf(key) ?? '',
      owner: textOf(owner),
      method: textOf(method),
      path: textOf(path),
      eventId: textOf(eventId),
    },
    outcome: outcomeOf(row),
    steps: savedSteps(row),
    firstSeenAtMs: toMs(Number(firstSeen)),
    lastSeenAtMs: toMs(Number(lastSeen)),
    completedAtMs: row.completedAtUs === null ? null : toMs(row.completedAtUs),
    replayCount: Number(replays),
    conflictCount: Number(conflicts),
    conflictFingerprints: textsFrom(fingerprints),
    timeline: timelineFrom(timeline),
  };
  return { number: Number(number), record };
}
