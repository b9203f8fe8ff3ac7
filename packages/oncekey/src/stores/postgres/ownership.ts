/**
 * What owners do after the claim: extend, save steps, complete, release. Each is one
 * conditional write by the token (I3); completed is terminal (I2). Who was not written is
 * read apart, to be told what became of his record.
 */
import type {
  CompleteAnswer,
  CompleteAsk,
  DurationMs,
  ExtendAnswer,
  RecordId,
  ReleaseAnswer,
  SavedStep,
  SaveStepAnswer,
  Token,
} from '../../core/store.ts';
import type { BatchEntry } from '../coalesce.ts';
import type { Row } from './client.ts';
import { durationText, fromNow, hasId, isOwned, isThere, plainText, unixMs } from './expressions.ts';
import type { TableNames } from './names.ts';
import { base64Of, numberOf, outcomeAsked, outcomeAssigned, outcomeColumns, textIn, textOf } from './rows.ts';
import { type Server, maxTries } from './server.ts';
import { type Asked, type Statement, statement } from './statement.ts';

/** The statements of owners. */
export interface OwnerStatements {
  readonly extend: Statement;
  readonly saveStep: Statement;
  readonly complete: Statement;
  /** Attempt 1 without steps. */
  readonly releaseGone: Statement;
  /** All others. */
  readonly releaseOpen: Statement;
  readonly look: Statement;
}

const returningId = "RETURNING encode(r.id, 'hex') AS id";
const isUntouched = 'r.attempt = 1 AND r.step_names IS NULL';

/** Makes them. */
export function ownerStatements({ records }: TableNames): OwnerStatements {
  return {
    extend: statement(
      ['id', 'token', 'lease'],
      ({ a, from }) => `UPDATE ${records} r SET lease_end = ${fromNow(a.lease)},
        expires_at = r.expires_at - r.lease_end + ${fromNow(a.lease)}${from} WHERE ${isOwned(a)} ${returningId}`,
    ),
    saveStep: saveStepStatement(records),
    complete: statement(
      ['id', 'token', 'retention', ...outcomeColumns],
      ({ a, from }) => `UPDATE ${records} r SET state = 'completed', revision = r.revision + 1, lease_end = NULL,
        expires_at = ${fromNow(a.retention)}, completed_at = clock_timestamp(), step_names = NULL, step_bytes = NULL,
        ${outcomeAssigned(a)}${from} WHERE ${isOwned(a)} ${returningId}, ${unixMs('r.completed_at')} AS completed`,
    ),
    releaseGone: statement(
      ['id', 'token'],
      ({ a, from }) =>
        `DELETE FROM ${records} r${from.replace('FROM', 'USING')} WHERE ${isOwned(a)} AND ${isUntouched} ${returningId}`,
    ),
    releaseOpen: statement(
      ['id', 'token', 'keep'],
      ({ a, from }) => `UPDATE ${records} r SET state = 'open', revision = r.revision + 1, token = NULL,
        lease_end = NULL, expires_at = ${fromNow(a.keep)}${from}
        WHERE ${isOwned(a)} AND NOT (${isUntouched}) ${returningId}`,
    ),
    look: statement(
      ['id'],
      ({ a, among }) => `SELECT encode(r.id, 'hex') AS id, r.state AS state, r.token AS token,
        ${unixMs('r.completed_at')} AS completed FROM ${among}${records} r WHERE ${hasId(a.id)} AND ${isThere}`,
    ),
  };
}

// A second save of a name replaces the first where it stands.
function saveStepStatement(records: string): Statement {
  return statement(['id', 'token', 'name', 'body'], ({ a, from }) => {
    const isKnown = `${a.name} = ANY (r.step_names)`;
    const place = `array_position(r.step_names, ${a.name})`;
    return `UPDATE ${records} r SET
      step_names = CASE WHEN ${isKnown} THEN r.step_names ELSE array_append(r.step_names, ${a.name}) END,
      step_bytes = CASE WHEN ${isKnown} THEN r.step_bytes[:${place} - 1] || ${a.body} || r.step_bytes[${place} + 1:]
        ELSE array_append(r.step_bytes, ${a.body}) END${from}
      WHERE ${isOwned(a)} ${returningId}`;
  });
}

/** Somebody who says that he owns a record. */
export interface OwnerAsk {
  readonly id: RecordId;
  readonly token: Token;
}

/** What {@link Store.extend} takes. */
export interface ExtendAsk extends OwnerAsk {
  readonly leaseMs: number;
}

/** What {@link Store.release} takes. */
export interface ReleaseAsk extends OwnerAsk {
  readonly keepMs: DurationMs;
}

/** What {@link Store.saveStep} takes. */
export interface SaveStepAsk extends OwnerAsk {
  readonly name: string;
  /** In base64. */
  readonly bytes: string;
}

/** Takes what the call gave before it is free to change it. */
export function prepareStep(id: RecordId, token: Token, { name, bytes }: SavedStep): SaveStepAsk {
  return { id, token, name: plainText(name), bytes: base64Of(bytes) };
}

const lost = { kind: 'lost' } as const;

/** {@link Store.extend} for many at once. */
export async function extendAll(
  server: Server,
  { extend }: OwnerStatements,
  asks: readonly ExtendAsk[],
): Promise<BatchEntry<ExtendAnswer>[]> {
  const done = await write(
    server,
    extend,
    asks.map(({ id, token, leaseMs }) => [id, token, durationText(leaseMs)]),
  );
  return asks.map(({ id }) => ({ answer: done.has(id) ? { kind: 'kept' } : lost }));
}

/** {@link Store.saveStep} for many at once. */
export async function saveStepAll(
  server: Server,
  { saveStep }: OwnerStatements,
  asks: readonly SaveStepAsk[],
): Promise<BatchEntry<SaveStepAnswer>[]> {
  const asked = asks.map(({ id, token, name, bytes }) => [id, token, name, bytes]);
  const done = await write(server, saveStep, asked);
  return asks.map(({ id }) => ({ answer: done.has(id) ? { kind: 'stored' } : lost }));
}

/** {@link Store.complete} for many at once. */
export async function completeAll(
  server: Server,
  { complete, look }: OwnerStatements,
  asks: readonly CompletePrepared[],
): Promise<BatchEntry<CompleteAnswer>[]> {
  const done = await write(
    server,
    complete,
    asks.map(({ asked }) => asked),
  );
  const missed = asks.filter(({ id }) => !done.has(id));
  const seen = await write(
    server,
    look,
    missed.map(({ id }) => [id]),
  );
  return asks.map(({ id, token }) => {
    const stored = done.get(id);
    if (stored !== undefined) return { answer: { kind: 'stored', completedAtMs: numberOf(stored, 'completed') } };
    const row = seen.get(id);
    const isOwn = row !== undefined && row['token'] === token && textIn(row, 'completed') !== null;
    return { answer: isOwn ? { kind: 'already', completedAtMs: numberOf(row, 'completed') } : lost };
  });
}

/** A completion as it is sent: its bytes are taken when the call is made. */
export interface CompletePrepared extends OwnerAsk {
  readonly asked: Asked;
}

/** Takes what the call gave before it is free to change it. */
export function prepareComplete({ id, token, outcome, retentionMs }: CompleteAsk): CompletePrepared {
  return { id, token, asked: [id, token, durationText(retentionMs), ...outcomeAsked(id, outcome)] };
}

/** {@link Store.release} for many at once. */
export async function releaseAll(
  server: Server,
  statements: OwnerStatements,
  asks: readonly ReleaseAsk[],
): Promise<BatchEntry<ReleaseAnswer>[]> {
  const answers = new Map<RecordId, ReleaseAnswer>();
  let pending = asks;
  for (let tried = 0; pending.length > 0 && tried < maxTries; tried++) {
    // oxlint-disable-next-line no-await-in-loop
    const missed = await releaseOnce(server, statements, pending, answers);
    const asked = missed.map(({ id }): Asked => [id]);
    // oxlint-disable-next-line no-await-in-loop
    const seen = await write(server, statements.look, asked);
    // A step that was saved in between is why an owner's release wrote nothing: then it is tried again.
    pending = missed.filter(({ id, token }) => ownsRow(seen.get(id), token));
    // Open means released: nobody owns it, so nothing can be lost.
    for (const { id } of missed) {
      const state = seen.get(id)?.['state'] ?? 'open';
      answers.set(id, state === 'open' ? { kind: 'released' } : lost);
    }
  }
  return asks.map(({ id }) => ({ answer: answers.get(id) ?? lost }));
}

/** Answers those for whom nothing was written. */
async function releaseOnce(
  server: Server,
  { releaseGone, releaseOpen }: OwnerStatements,
  asks: readonly ReleaseAsk[],
  answers: Map<RecordId, ReleaseAnswer>,
): Promise<ReleaseAsk[]> {
  const gone = await write(
    server,
    releaseGone,
    asks.map(({ id, token }) => [id, token]),
  );
  const left = asks.filter(({ id }) => !gone.has(id));
  const opened = await write(
    server,
    releaseOpen,
    left.map(({ id, token, keepMs }) => [id, token, durationText(keepMs)]),
  );
  for (const id of [...gone.keys(), ...opened.keys()]) answers.set(id, { kind: 'released' });
  return left.filter(({ id }) => !opened.has(id));
}

function ownsRow(row: Row | undefined, token: Token): boolean {
  return row?.['state'] === 'in-progress' && row['token'] === token;
}

/** Runs for calls of different records, sorted by id, and answers the rows by id. */
async function write(server: Server, one: Statement, asked: readonly Asked[]): Promise<Map<RecordId, Row>> {
  if (asked.length === 0) return new Map();
  const sorted = asked.toSorted(([id], [other]) => ((id ?? '') < (other ?? '') ? -1 : 1));
  const rows = await server.run(one, sorted);
  return new Map(rows.map((row) => [textOf(row, 'id'), row]));
}
