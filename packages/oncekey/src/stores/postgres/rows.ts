/**
 * Rows of text and what they mean. What is read back is checked before it is trusted: an
 * outcome whose checksum differs, or a word that this version does not know, throws
 * `record_unreadable` instead of replaying other bytes than were stored (I4).
 */
import { Buffer } from 'node:buffer';
import type { Outcome } from '../../core/outcome.ts';
import type { Completed, RecordId, RecordState, SavedStep, StoredRecord, TimelineEvent } from '../../core/store.ts';
import { joinChecked, parseList, splitChecked, unreadable } from '../stored-form/checked-outcome.ts';
import type { Row } from './client.ts';
import { msUntil, unixMs } from './expressions.ts';
import type { Asked } from './statement.ts';

/** Columns of an outcome, as they are asked and as they are stored. */
export const outcomeColumns = ['outcome_kind', 'status', 'headers', 'details', 'body', 'outcome_crc32'] as const;

/** The assignments that store an asked outcome. */
export function outcomeAssigned(a: Readonly<Record<(typeof outcomeColumns)[number], string>>): string {
  return outcomeColumns.map((column, at) => `${column} = ${outcomeValues(a)[at]}`).join(', ');
}

/** The asked outcome, column by column, as values to store. */
export function outcomeValues(a: Readonly<Record<(typeof outcomeColumns)[number], string>>): string[] {
  return [
    a.outcome_kind,
    `${a.status}::smallint`,
    `${a.headers}::json`,
    `${a.details}::json`,
    a.body,
    `${a.outcome_crc32}::integer`,
  ];
}

const outcomeSelected = `r.outcome_kind AS kind, r.status::text AS status, r.headers::text AS headers,
  r.details::text AS details, encode(r.body, 'hex') AS body, r.outcome_crc32::text AS crc`;

/** What decides a claim. */
export const decidingSelected: string = `encode(r.id, 'hex') AS id, r.state AS state, r.attempt::text AS attempt,
  r.token AS token, r.fingerprint AS fingerprint, ${msUntil('r.lease_end')} AS lease,
  ${msUntil('r.expires_at')} AS retention, ${unixMs('r.completed_at')} AS completed, ${outcomeSelected}`;

/** The steps, as two lists. */
export const stepsSelected: string = `array_to_json(r.step_names)::text AS names,
  (SELECT json_agg(encode(s.bytes, 'hex') ORDER BY s.at)::text
    FROM unnest(r.step_bytes) WITH ORDINALITY AS s (bytes, at)) AS bytes`;

/** A whole record. */
export const recordSelected: string = `${decidingSelected}, ${stepsSelected}, r.revision::text AS revision,
  array_to_json(r.scope)::text AS scope, r.operation AS operation, r.key AS key, r.owner AS owner,
  r.method AS method, r.path AS path, r.event_id AS event, ${unixMs('r.first_seen_at')} AS first,
  ${unixMs('r.last_seen_at')} AS last, r.replay_count::text AS replays, r.conflict_count::text AS conflicts,
  array_to_json(r.conflict_fingerprints)::text AS others, r.timeline::text AS timeline`;

/** The outcome as it is asked to be stored under this id, in the order of {@link outcomeColumns}. */
export function outcomeAsked(id: RecordId, outcome: Outcome): Asked {
  const { kind, head, crc32, body } = splitChecked(id, outcome);
  const columns = [body === null ? null : base64Of(body), String(crc32 | 0)] as const;
  if (!('headers' in outcome)) return [kind, null, null, head, ...columns];
  const status = outcome.status === null ? null : String(outcome.status);
  const reason = outcome.kind === 'not-kept' ? JSON.stringify({ reason: outcome.reason }) : null;
  return [kind, status, JSON.stringify(outcome.headers), reason, ...columns];
}

/** No outcome. */
export const noOutcome: Asked = outcomeColumns.map(() => null);

/** Bytes in base64, as they are asked. */
export function base64Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

/** Bytes as hexadecimal digits. */
export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

function bytesOf(hex: string): Uint8Array {
  const bytes = new Uint8Array(hex.length / 2);
  Buffer.from(bytes.buffer).write(hex, 'hex');
  return bytes;
}

/** The outcome of a row, or null. Throws `record_unreadable` when it is not what was stored. */
export function outcomeOf(row: Row): Outcome | null {
  const kind = textIn(row, 'kind');
  if (kind === null) return null;
  const hex = textIn(row, 'body');
  const crc = numberIn(row, 'crc');
  const parts = { kind, head: headOf(row), body: hex === null ? null : bytesOf(hex) };
  return joinChecked(textOf(row, 'id'), parts, crc === null ? null : crc >>> 0);
}

// To the letter as it was before it was split into columns: the checksum is over all of it.
function headOf(row: Row): string {
  const headers = textIn(row, 'headers');
  const details = textIn(row, 'details');
  if (headers === null) return details ?? '';
  const before = details === null ? '{' : `${details.slice(0, -1)},`;
  return `${before}"status":${textIn(row, 'status')},"headers":${headers}}`;
}

/** The answer that a completed row gives to every claim. */
export function completedAnswer(row: Row): Completed {
  const outcome = outcomeOf(row);
  const completedAtMs = numberIn(row, 'completed');
  if (outcome === null || completedAtMs === null) throw unreadable('it is completed without an outcome');
  const fingerprint = textIn(row, 'fingerprint');
  return { kind: 'completed', fingerprint, attempt: numberOf(row, 'attempt'), completedAtMs, outcome };
}

const states: ReadonlySet<string> = new Set(['in-progress', 'open', 'completed', 'erased']);

/** The state of a row by the server's clock. Throws `record_unreadable` for one that this version does not know. */
export function stateOf(row: Row): RecordState {
  const state = textOf(row, 'state');
  if (!states.has(state)) throw unreadable(`its state ${JSON.stringify(state)} is not one that this version knows`);
  return state === 'in-progress' && numberOf(row, 'lease') <= 0 ? 'abandoned' : (state as RecordState);
}

/** Whether the row counts as absent though no sweep has run. */
export function isExpired(row: Row): boolean {
  const left = numberIn(row, 'retention');
  return left !== null && left <= 0;
}

/** The whole record. */
export function toRecord(row: Row): StoredRecord {
  const state = stateOf(row);
  const isLive = state === 'in-progress';
  return {
    id: textOf(row, 'id'),
    state,
    attempt: numberOf(row, 'attempt'),
    token: textIn(row, 'token'),
    fingerprint: textIn(row, 'fingerprint'),
    revision: numberOf(row, 'revision'),
    leaseLeftMs: isLive ? numberOf(row, 'lease') : null,
    retentionLeftMs: isLive ? null : numberIn(row, 'retention'),
    labels: {
      scope: listOf(row, 'scope') as string[],
      operation: textIn(row, 'operation'),
      key: textOf(row, 'key'),
      owner: textIn(row, 'owner'),
      method: textIn(row, 'method'),
      path: textIn(row, 'path'),
      eventId: textIn(row, 'event'),
    },
    outcome: outcomeOf(row),
    steps: stepsOf(row),
    firstSeenAtMs: numberOf(row, 'first'),
    lastSeenAtMs: numberOf(row, 'last'),
    completedAtMs: numberIn(row, 'completed'),
    replayCount: numberOf(row, 'replays'),
    conflictCount: numberOf(row, 'conflicts'),
    conflictFingerprints: listOf(row, 'others') as string[],
    timeline: listOf(row, 'timeline') as TimelineEvent[],
  };
}

/** The steps of a row in the order saved. */
export function stepsOf(row: Row): SavedStep[] {
  const bytes = listOf(row, 'bytes');
  return listOf(row, 'names').map((name, at) => {
    const hex = bytes[at];
    if (typeof name !== 'string' || typeof hex !== 'string')
      throw unreadable('a step of it has lost its name or bytes');
    return { name, bytes: bytesOf(hex) };
  });
}

function listOf(row: Row, column: string): unknown[] {
  const text = textIn(row, column);
  return text === null ? [] : parseList(text);
}

/** A column that cannot be null. */
export function textOf(row: Row, column: string): string {
  const text = row[column];
  if (typeof text === 'string') return text;
  throw unreadable(`its ${column} is missing`);
}

/** A column that may be null. */
export function textIn(row: Row, column: string): string | null {
  const text = row[column];
  return typeof text === 'string' ? text : null;
}

/** A column that is a number and cannot be null. */
export function numberOf(row: Row, column: string): number {
  return Number(textOf(row, column));
}

function numberIn(row: Row, column: string): number | null {
  const text = row[column];
  return typeof text === 'string' ? Number(text) : null;
}
