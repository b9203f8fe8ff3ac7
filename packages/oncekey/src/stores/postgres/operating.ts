/**
 * What goes on beside ownership: warming and import, notes, what operators decide by the
 * revision they saw (I15), erasing with a tombstone left behind (I14). Each is one
 * conditional write.
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
  TimelineEvent,
} from '../../core/store.ts';
import type { BatchEntry } from '../coalesce.ts';
import { durationText, fromNow, hasId, instantOf, isThere, plainText, unixMs } from './expressions.ts';
import type { TableNames } from './names.ts';
import { hexOf, noOutcome, outcomeAsked, outcomeAssigned, outcomeColumns, outcomeValues, textOf } from './rows.ts';
import type { Server } from './server.ts';
import { type Asked, type Statement, statement, textArray } from './statement.ts';

const timelineLimit = 32;
const conflictFingerprintLimit = 16;

/** The statements of operators and of upkeep. */
export interface OperatorStatements {
  readonly put: Statement;
  readonly note: Statement;
  readonly rerun: Statement;
  readonly settle: Statement;
  readonly erase: Statement;
  readonly look: Statement;
}

/** Makes them. */
export function operatorStatements({ records }: TableNames): OperatorStatements {
  const isSeen = ({ id, seen }: { readonly id: string; readonly seen: string }): string =>
    `${hasId(id)} AND r.revision = ${seen}::int8 AND r.state = 'in-progress' AND r.lease_end <= clock_timestamp()
    AND ${isThere}`;
  return {
    put: putStatement(records),
    note: noteStatement(records),
    rerun: statement(
      ['id', 'seen', 'keep', 'by'],
      ({ a, from }) => `UPDATE ${records} r SET state = 'open', revision = r.revision + 1, token = NULL,
        lease_end = NULL, expires_at = ${fromNow(a.keep)}, timeline = ${timelineWith('resolved', a.by)}${from}
        WHERE ${isSeen(a)} RETURNING 1`,
    ),
    settle: statement(
      ['id', 'seen', 'retention', 'by', ...outcomeColumns],
      ({ a, from }) => `UPDATE ${records} r SET state = 'completed', revision = r.revision + 1, token = NULL,
        lease_end = NULL, expires_at = ${fromNow(a.retention)}, completed_at = clock_timestamp(), step_names = NULL,
        step_bytes = NULL, ${outcomeAssigned(a)}, timeline = ${timelineWith('resolved', a.by)}${from}
        WHERE ${isSeen(a)} RETURNING 1`,
    ),
    erase: eraseStatement(records),
    look: statement(['id'], ({ a, among }) => `SELECT 1 FROM ${among}${records} r WHERE ${hasId(a.id)} AND ${isThere}`),
  };
}

function event(what: TimelineEvent['what'], detail: string): string {
  return `jsonb_build_object('atMs', ${unixMs('clock_timestamp()')}::int8, 'what', '${what}', 'detail', ${detail})`;
}

// One event more, the oldest dropped beyond the limit.
function timelineWith(what: TimelineEvent['what'], detail: string): string {
  return `CASE WHEN jsonb_array_length(r.timeline) >= ${timelineLimit} THEN r.timeline - 0
    ELSE coalesce(r.timeline, '[]') END || ${event(what, detail)}`;
}

function noteStatement(records: string): Statement {
  return statement(['id', 'kind', 'count', 'fingerprint'], ({ a, from }) => {
    const isConflict = `${a.kind} = 'conflict'`;
    return `UPDATE ${records} r SET last_seen_at = clock_timestamp(),
      replay_count = r.replay_count + CASE WHEN ${isConflict} THEN 0 ELSE ${a.count}::int8 END,
      conflict_count = r.conflict_count + CASE WHEN ${isConflict} THEN 1 ELSE 0 END,
      conflict_fingerprints = CASE WHEN NOT ${isConflict} OR ${a.fingerprint} IS NULL
        OR ${a.fingerprint} = ANY (r.conflict_fingerprints)
        OR cardinality(r.conflict_fingerprints) >= ${conflictFingerprintLimit} THEN r.conflict_fingerprints
        ELSE array_append(r.conflict_fingerprints, ${a.fingerprint}) END,
      timeline = CASE WHEN ${isConflict} THEN ${timelineWith('conflict', a.fingerprint)}
        ELSE ${timelineWith('replay', 'NULL::text')} END${from}
      WHERE ${hasId(a.id)} AND ${isThere} RETURNING 1`;
  });
}

// Of what was noted only the counts stay: what others sent is as personal as what was stored.
function eraseStatement(records: string): Statement {
  const personal = 'fingerprint owner method path event_id step_names step_bytes conflict_fingerprints'.split(' ');
  return statement(
    ['id', 'keep', ...outcomeColumns],
    ({ a, from }) => `UPDATE ${records} r SET state = 'erased', revision = r.revision + 1, token = NULL,
      lease_end = NULL, key = '', ${personal.map((column) => `${column} = NULL`).join(', ')},
      expires_at = ${fromNow(a.keep)}, completed_at = coalesce(r.completed_at, clock_timestamp()),
      ${outcomeAssigned(a)}, timeline = jsonb_build_array(${event('erased', 'NULL::text')})${from}
      WHERE ${hasId(a.id)} AND ${isThere} AND NOT (r.state = 'in-progress' AND r.lease_end > clock_timestamp())
      RETURNING 1`,
  );
}

/** A column of a record as it is put: its name, the value to store, and what the record says. */
type PutColumn = readonly [
  name: string,
  value: (asked: string) => string,
  say: (record: StoredRecord) => string | null,
];

const asIs = (asked: string): string => asked;
const cast =
  (type: string) =>
  (asked: string): string =>
    `${asked}::${type}`;

const putColumns: readonly PutColumn[] = [
  ['id', (id) => `decode(${id}, 'hex')`, ({ id }) => id],
  ['state', asIs, ({ state }) => (state === 'abandoned' ? 'in-progress' : state)],
  ['attempt', cast('integer'), ({ attempt }) => String(attempt)],
  ['revision', cast('int8'), ({ revision }) => String(revision)],
  ['token', asIs, ({ token }) => token],
  ['fingerprint', asIs, ({ fingerprint }) => plainText(fingerprint)],
  ['lease_end', fromNow, ({ state, leaseLeftMs }) => leaseText(state, leaseLeftMs)],
  ['expires_at', fromNow, ({ retentionLeftMs }) => durationText(retentionLeftMs)],
  ['scope', cast('text[]'), ({ labels }) => textArray(labels.scope)],
  ['operation', asIs, ({ labels }) => plainText(labels.operation)],
  ['key', asIs, ({ labels }) => plainText(labels.key)],
  ['owner', asIs, ({ labels }) => plainText(labels.owner)],
  ['method', asIs, ({ labels }) => plainText(labels.method)],
  ['path', asIs, ({ labels }) => plainText(labels.path)],
  ['event_id', asIs, ({ labels }) => plainText(labels.eventId)],
  ['first_seen_at', instantOf, ({ firstSeenAtMs }) => String(firstSeenAtMs)],
  ['last_seen_at', instantOf, ({ lastSeenAtMs }) => String(lastSeenAtMs)],
  ['completed_at', instantOf, ({ completedAtMs }) => (completedAtMs === null ? null : String(completedAtMs))],
  ['replay_count', cast('int8'), ({ replayCount }) => String(replayCount)],
  ['conflict_count', cast('int8'), ({ conflictCount }) => String(conflictCount)],
  ['conflict_fingerprints', cast('text[]'), ({ conflictFingerprints }) => listText(conflictFingerprints)],
  ['timeline', cast('jsonb'), ({ timeline }) => timelineText(timeline)],
  ['step_names', cast('text[]'), ({ steps }) => listText(steps.map(({ name }) => name))],
  ['step_bytes', cast('bytea[]'), ({ steps }) => listText(steps.map(({ bytes }) => `\\x${hexOf(bytes)}`))],
];

function leaseText(state: StoredRecord['state'], leaseLeftMs: number | null): string | null {
  return state === 'in-progress' || state === 'abandoned' ? durationText(leaseLeftMs ?? 0) : null;
}

function listText(list: readonly string[]): string | null {
  return list.length === 0 ? null : textArray(list);
}

function timelineText(timeline: readonly TimelineEvent[]): string | null {
  if (timeline.length === 0) return null;
  return JSON.stringify(timeline.map(({ atMs, what, detail }) => ({ atMs, what, detail: plainText(detail) })));
}

function putStatement(records: string): Statement {
  const names = [...putColumns.map(([name]) => name), ...outcomeColumns];
  return statement(names, ({ a, inserted }) => {
    const outcome = outcomeValues(a as Record<(typeof outcomeColumns)[number], string>);
    const values = [...putColumns.map(([name, value]) => value(a[name] ?? 'NULL')), ...outcome];
    return `INSERT INTO ${records} AS r (${names.join(', ')}) ${inserted(values.join(', '))}
      ON CONFLICT (id) DO UPDATE SET ${names.map((name) => `${name} = excluded.${name}`).join(', ')}
      WHERE r.revision < excluded.revision OR NOT ${isThere} RETURNING encode(r.id, 'hex') AS id`;
  });
}

/** A record as it is sent: what it holds is taken when the call is made. */
export function preparePut(record: StoredRecord): Asked {
  const { id, outcome } = record;
  return [...putColumns.map(([, , say]) => say(record)), ...(outcome === null ? noOutcome : outcomeAsked(id, outcome))];
}

/** {@link Store.put} for many at once. */
export async function putAll(
  server: Server,
  { put }: OperatorStatements,
  asked: readonly Asked[],
): Promise<BatchEntry<{ readonly kind: 'put' | 'kept' }>[]> {
  const done = new Set((await server.run(put, asked.toSorted(byId))).map((row) => textOf(row, 'id')));
  return asked.map(([id]) => ({ answer: { kind: done.has(id ?? '') ? 'put' : 'kept' } }));
}

function byId([one]: Asked, [other]: Asked): number {
  return (one ?? '') < (other ?? '') ? -1 : 1;
}

/** {@link Store.note} for notes of different records. */
export async function noteAll(
  server: Server,
  { note }: OperatorStatements,
  notes: readonly Note[],
): Promise<BatchEntry<void>[]> {
  const asked = notes.map((one): Asked =>
    one.kind === 'replay'
      ? [one.id, one.kind, String(one.count), null]
      : [one.id, one.kind, null, plainText(one.fingerprint)],
  );
  await server.run(note, asked.toSorted(byId));
  return notes.map(() => ({ answer: undefined }));
}

/** {@link Store.resolve}. */
export async function resolve(
  server: Server,
  { rerun, settle, look }: OperatorStatements,
  { id, seenRevision, decision, by }: ResolveAsk,
): Promise<ResolveAnswer> {
  const who = plainText(`${by}: ${decision.kind}`);
  const seen = String(seenRevision);
  const done =
    decision.kind === 'rerun'
      ? await server.run(rerun, [[id, seen, durationText(decision.keepMs), who]])
      : await server.run(settle, [
          [id, seen, durationText(decision.retentionMs), who, ...outcomeAsked(id, decision.outcome)],
        ]);
  if (done.length > 0) return { kind: 'resolved' };
  return { kind: (await server.run(look, [[id]])).length > 0 ? 'changed' : 'absent' };
}

/** {@link Store.erase}. */
export async function erase(
  server: Server,
  { erase: eraseOne, look }: OperatorStatements,
  id: RecordId,
  keepMs: DurationMs,
): Promise<EraseAnswer> {
  const done = await server.run(eraseOne, [[id, durationText(keepMs), ...outcomeAsked(id, erasedOutcome)]]);
  if (done.length > 0) return { kind: 'erased' };
  return { kind: (await server.run(look, [[id]])).length > 0 ? 'in-progress' : 'absent' };
}
