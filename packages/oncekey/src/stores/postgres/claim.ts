/**
 * Claims. An INSERT that does nothing where there is something, and a look, in the order in
 * which they are likely to be enough: neither writes, locks a row or makes log for a
 * duplicate. Only who may take over writes to a row that is there, under conditions that the
 * UPDATE checks again (I1, I6, I8). Who was overtaken in between looks again, in a statement
 * of his own: inside the first one he would see the past.
 */
import { IdempotencyError } from '../../core/errors.ts';
import { fingerprintsAgree } from '../../core/fingerprint.ts';
import type { ClaimAnswer, ClaimAsk, Granted, RecordId } from '../../core/store.ts';
import type { BatchEntry } from '../coalesce.ts';
import type { Row } from './client.ts';
import { durationText, fromNow, hasId, plainText } from './expressions.ts';
import type { TableNames } from './names.ts';
import {
  completedAnswer,
  decidingSelected,
  isExpired,
  numberOf,
  outcomeColumns,
  stateOf,
  stepsOf,
  stepsSelected,
  textOf,
  textIn,
} from './rows.ts';
import { type Server, maxTries } from './server.ts';
import { type Asked, type Source, type Statement, statement, steadyStatement, textArray } from './statement.ts';

/** Columns of the labels but the scope. */
export const labels = ['operation', 'key', 'owner', 'method', 'path', 'event_id'] as const;
type ClaimedColumns = readonly ['id', 'token', 'fingerprint', 'scope', ...typeof labels];
/** What a claim says that is kept with its record, as columns. */
export const claimedColumns: ClaimedColumns = ['id', 'token', 'fingerprint', 'scope', ...labels];
const columns = [...claimedColumns, 'lease', 'keep'] as const;
const takeOverColumns = [...columns, 'hold'] as const;
type ClaimSource = Source<(typeof columns)[number]>;
type TakeOverSource = Source<(typeof takeOverColumns)[number]>;

/** The statements of a claim. */
export interface ClaimStatements {
  readonly insert: Statement;
  readonly look: Statement;
  readonly takeOver: Statement;
}

/** Makes them. */
export function claimStatements({ records }: TableNames): ClaimStatements {
  return {
    insert: steadyStatement(columns, (source) => insertText(records, source)),
    look: statement(
      ['id'],
      ({ a, among }) => `SELECT ${decidingSelected} FROM ${among}${records} r WHERE ${hasId(a.id)}`,
    ),
    takeOver: statement(takeOverColumns, (source) => takeOverText(records, source)),
  };
}

function insertText(records: string, { a, inserted }: ClaimSource): string {
  const values = `decode(${a.id}, 'hex'), 'in-progress', 1, 1, ${a.token}, ${a.fingerprint}, ${fromNow(a.lease)},
      ${expiry(a)}, clock_timestamp(), clock_timestamp(), ${a.scope}::text[],
      ${labels.map((label) => a[label]).join(', ')}`;
  return `INSERT INTO ${records} AS r (id, state, attempt, revision, token, fingerprint, lease_end, expires_at,
      first_seen_at, last_seen_at, scope, ${labels.join(', ')})
    ${inserted(values)}
    ON CONFLICT (id) DO NOTHING RETURNING encode(r.id, 'hex') AS id`;
}

function expiry({ lease, keep }: { readonly lease: string; readonly keep: string }): string {
  return fromNow(`(${lease}::float8 + ${keep}::float8)`);
}

// One reading of the clock for all conditions, taken before any waiting: it never makes a lease end early.
function takeOverText(records: string, { a, among }: TakeOverSource): string {
  const over = 'coalesce(r.expires_at <= c.at, false)';
  const own = `(r.state = 'in-progress' AND r.token = ${a.token})`;
  const free = `(r.state = 'open' OR (r.state = 'in-progress' AND r.lease_end <= c.at AND ${a.hold} = 'no'))
    AND (r.fingerprint IS NULL OR ${a.fingerprint} IS NULL OR r.fingerprint = ${a.fingerprint}
      OR starts_with(r.fingerprint, 'foreign:'))`;
  const anew = (column: string, fresh: string): string =>
    `${column} = CASE WHEN ${over} THEN ${fresh} ELSE r.${column} END`;
  const counted = (column: string): string =>
    `${column} = CASE WHEN ${over} THEN 1 WHEN ${own} THEN r.${column} ELSE r.${column} + 1 END`;
  const emptied = ['step_names', 'step_bytes', 'conflict_fingerprints', 'timeline'];
  return `UPDATE ${records} r SET state = 'in-progress', token = ${a.token}, ${counted('attempt')},
      ${counted('revision')}, lease_end = ${fromNow(a.lease)}, expires_at = ${expiry(a)},
      fingerprint = CASE WHEN ${over} THEN ${a.fingerprint} ELSE coalesce(r.fingerprint, ${a.fingerprint}) END,
      completed_at = NULL, ${outcomeColumns.map((column) => `${column} = NULL`).join(', ')},
      last_seen_at = CASE WHEN ${own} AND NOT ${over} THEN r.last_seen_at ELSE clock_timestamp() END,
      ${anew('first_seen_at', 'clock_timestamp()')}, ${anew('scope', `${a.scope}::text[]`)},
      ${labels.map((label) => anew(label, a[label])).join(', ')},
      ${emptied.map((column) => anew(column, 'NULL')).join(', ')},
      ${['replay_count', 'conflict_count'].map((column) => anew(column, '0')).join(', ')}
    FROM ${among}(SELECT clock_timestamp() AS at OFFSET 0) c
    WHERE ${hasId(a.id)} AND (${over} OR ${own} OR ${free})
    RETURNING encode(r.id, 'hex') AS id, r.attempt::text AS attempt, r.fingerprint AS fingerprint, ${stepsSelected}`;
}

/** What a claim says, in the order of {@link claimedColumns}. */
export function claimedAsked({ id, token, fingerprint, labels: said }: ClaimAsk): Asked {
  const { scope, operation, key, owner, method, path, eventId } = said;
  return [id, token, fingerprint, textArray(scope), ...[operation, key, owner, method, path, eventId].map(plainText)];
}

function insertAsked(ask: ClaimAsk): Asked {
  return [...claimedAsked(ask), durationText(ask.leaseMs), durationText(ask.keepMs)];
}

function takeOverAsked(ask: ClaimAsk): Asked {
  return [...insertAsked(ask), ask.ifAbandoned === 'hold' ? 'yes' : 'no'];
}

/** What the server said to the claim of a record, and what others who claim it meanwhile need to know. */
type Found = Answered | { readonly error: unknown };

interface Answered {
  readonly answer: ClaimAnswer;
  /** Whose the record is now; null when nobody's. */
  readonly owner: string | null;
  readonly fingerprint: string | null;
}

/** {@link Store.claim} for many at once: of several claims of one record the first goes to the server and tells the others. */
export async function claimAll(
  server: Server,
  statements: ClaimStatements,
  asks: readonly ClaimAsk[],
): Promise<BatchEntry<ClaimAnswer>[]> {
  const entries = new Map<ClaimAsk, BatchEntry<ClaimAnswer>>();
  let pending: readonly ClaimAsk[] = asks;
  for (let fruitless = 0; pending.length > 0 && fruitless < maxTries;) {
    const leaders = leadersOf(pending);
    const found = await claimOnce(server, statements, leaders);
    const left = pending.filter((ask) => !settled(ask, leaders, found, entries));
    fruitless = left.length < pending.length ? 0 : fruitless + 1;
    pending = left;
  }
  return asks.map((ask) => entries.get(ask) ?? { error: restless() });
}

// Sorted by id, so that two batches that insert the same records cannot wait for each other.
function leadersOf(asks: readonly ClaimAsk[]): Map<RecordId, ClaimAsk> {
  const leaders = new Map<RecordId, ClaimAsk>();
  for (const ask of asks) if (!leaders.has(ask.id)) leaders.set(ask.id, ask);
  return leaders;
}

function settled(
  ask: ClaimAsk,
  leaders: ReadonlyMap<RecordId, ClaimAsk>,
  found: ReadonlyMap<RecordId, Found>,
  entries: Map<ClaimAsk, BatchEntry<ClaimAnswer>>,
): boolean {
  const leader = leaders.get(ask.id);
  const told = found.get(ask.id);
  if (leader === undefined || told === undefined) return false;
  const entry = leader === ask || 'error' in told ? told : followed(ask, leader, told);
  if (entry !== undefined) entries.set(ask, entry);
  return entry !== undefined;
}

/** What the leader's answer means for another claim of the same record; undefined when it has to ask for itself. */
function followed(
  ask: ClaimAsk,
  leader: ClaimAsk,
  { answer, owner, fingerprint }: Answered,
): BatchEntry<ClaimAnswer> | undefined {
  switch (answer.kind) {
    case 'completed':
      return { answer };
    case 'granted': {
      const { attempt } = answer;
      if (ask.token === owner) return { answer };
      return { answer: { kind: 'in-progress', fingerprint, attempt, leaseLeftMs: leader.leaseMs } };
    }
    case 'in-progress':
      return ask.token === owner ? undefined : { answer };
    case 'abandoned': {
      const asksSame = ask.ifAbandoned === leader.ifAbandoned && ask.fingerprint === leader.fingerprint;
      return asksSame && ask.token !== owner ? { answer } : undefined;
    }
  }
}

async function claimOnce(
  server: Server,
  statements: ClaimStatements,
  leaders: ReadonlyMap<RecordId, ClaimAsk>,
): Promise<Map<RecordId, Found>> {
  const found = new Map<RecordId, Found>();
  const sorted = Array.from(leaders.values()).toSorted(byId);
  const takers: ClaimAsk[] = [];
  for (const row of await lookAndInsert(server, statements, sorted)) {
    const id = textOf(row, 'id');
    const ask = leaders.get(id);
    if (ask === undefined) continue;
    const told = tell(row, ask);
    if (told === undefined) takers.push(ask);
    else found.set(id, told);
  }
  if (takers.length === 0) return found;
  for (const row of await server.run(statements.takeOver, takers.toSorted(byId).map(takeOverAsked))) {
    const id = textOf(row, 'id');
    const owner = leaders.get(id)?.token ?? null;
    found.set(id, { answer: takenOver(row), owner, fingerprint: textIn(row, 'fingerprint') });
  }
  return found;
}

/** Rows that are there, and `{ id }` alone for those that this call has inserted. */
async function lookAndInsert(
  server: Server,
  { insert, look }: ClaimStatements,
  sorted: readonly ClaimAsk[],
): Promise<readonly Row[]> {
  const inserting = (asks: readonly ClaimAsk[]) => server.run(insert, asks.map(insertAsked));
  const looking = (asks: readonly ClaimAsk[]) =>
    server.run(
      look,
      asks.map(({ id }) => [id]),
    );
  const first = server.mostlyNew ? inserting : looking;
  const then = server.mostlyNew ? looking : inserting;
  const rows = await first(sorted);
  // Rows are of those who asked, one each.
  if (rows.length === sorted.length) return rows;
  const known = new Set(rows.map((row) => textOf(row, 'id')));
  const left = sorted.filter(({ id }) => !known.has(id));
  if (left.length > rows.length) server.mostlyNew = !server.mostlyNew;
  return [...rows, ...(await then(left))];
}

function byId({ id: one }: ClaimAsk, { id: other }: ClaimAsk): number {
  return one < other ? -1 : 1;
}

const firstGrant: Granted = { kind: 'granted', attempt: 1, steps: [] };

/** What the row says to the claim; undefined when the claim may take the record over. */
function tell(row: Row, ask: ClaimAsk): Found | undefined {
  try {
    const { token, fingerprint } = ask;
    if (row['state'] === undefined) return { answer: firstGrant, owner: token, fingerprint };
    const answer = refusal(row, ask);
    return answer && { answer, owner: textIn(row, 'token'), fingerprint: textIn(row, 'fingerprint') };
  } catch (error) {
    return { error };
  }
}

function refusal(row: Row, ask: ClaimAsk): ClaimAnswer | undefined {
  if (isExpired(row)) return undefined;
  const state = stateOf(row);
  if (state === 'completed' || state === 'erased') return completedAnswer(row);
  if (state !== 'open' && row['token'] === ask.token) return undefined;
  const fingerprint = textIn(row, 'fingerprint');
  const attempt = numberOf(row, 'attempt');
  if (state === 'in-progress') return { kind: state, fingerprint, attempt, leaseLeftMs: numberOf(row, 'lease') };
  const isHeld = state === 'abandoned' && ask.ifAbandoned === 'hold';
  const mayContinue = !isHeld && fingerprintsAgree(fingerprint, ask.fingerprint);
  return mayContinue ? undefined : { kind: 'abandoned', fingerprint, attempt };
}

function takenOver(row: Row): Granted {
  const attempt = numberOf(row, 'attempt');
  return { kind: 'granted', attempt, steps: attempt === 1 ? [] : stepsOf(row) };
}

function restless(): IdempotencyError<'store_unavailable'> {
  const message = `the record changed hands ${maxTries} times while it was claimed; try again`;
  return new IdempotencyError('store_unavailable', message, { phase: 'claim' });
}
