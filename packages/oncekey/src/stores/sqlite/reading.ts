/**
 * What is answered by reading alone: one record, or a page of them. Changes nothing and
 * takes no write lock. A search through many records is cut into slices, so that the
 * event loop runs on between them.
 */
import type { ListAsk, ListPage, RecordId, SavedStep, StoredRecord } from '../../core/store.ts';
import type { Connection } from './connection.ts';
import type { SqliteValue } from './driver.ts';
import { type DecidingRow, type RecordRow, idBytes, isExpired, plainBytes, toRecord } from './rows.ts';
import { allColumns } from './statements.ts';

/** So many records are looked at in one go. */
const sliceRecords = 2000;

/** A place in the order of pages: first seen, then id. */
export interface Place {
  readonly firstSeenAtMs: number;
  readonly id: RecordId;
}

/** What one slice found, and where the next begins (null at the end). */
export interface Slice {
  readonly records: readonly StoredRecord[];
  readonly next: Place | null;
}

/** The columns that decide, of a record that is not absent. */
export function findRow({ statements }: Connection, id: RecordId, nowMs: number): DecidingRow | undefined {
  const row = statements.look.get(idBytes(id)) as DecidingRow | undefined;
  return row === undefined || isExpired(row, nowMs) ? undefined : row;
}

/** All columns of a record that is not absent. */
export function findRecordRow({ statements }: Connection, id: RecordId, nowMs: number): RecordRow | undefined {
  const row = statements.read.get(idBytes(id)) as RecordRow | undefined;
  return row === undefined || isExpired(row, nowMs) ? undefined : row;
}

/** {@link Store.read}. */
export function readRecord(connection: Connection, id: RecordId, nowMs: number): StoredRecord | undefined {
  const row = findRecordRow(connection, id, nowMs);
  return row === undefined ? undefined : assemble(connection, row, nowMs);
}

function assemble(connection: Connection, row: RecordRow, nowMs: number): StoredRecord {
  return toRecord(row, row.step_count === 0 ? [] : stepsOf(connection, row.id), nowMs);
}

/** The steps of a record in the order saved. */
export function stepsOf({ statements }: Connection, id: Uint8Array): SavedStep[] {
  const rows = statements.steps.all(id) as SavedStep[];
  return rows.map(({ name, bytes }) => ({ name, bytes: plainBytes(bytes) }));
}

/** The next records after `after` that `ask` looks for, at most `limit`, among the next few thousand. */
export function listSlice(
  connection: Connection,
  ask: ListAsk,
  after: Place | null,
  limit: number,
  nowMs: number,
): Slice {
  const from: SqliteValue[] = after === null ? [-1, Buffer.alloc(0)] : [after.firstSeenAtMs, idBytes(after.id)];
  const end = endOfSlice(connection, from);
  const { text, values } = conditions(ask, nowMs);
  const upTo = end === undefined ? '' : 'AND (first_seen_at_ms, id) <= (?, ?)';
  const rows = connection.handle
    .prepare(
      `SELECT ${allColumns} FROM oncekey_records WHERE (first_seen_at_ms, id) > (?, ?) ${upTo} ${text}
       ORDER BY first_seen_at_ms, id LIMIT ?`,
    )
    .all(...from, ...(end ?? []), ...values, limit) as RecordRow[];
  const records = rows.map((row) => assemble(connection, row, nowMs));
  const last = records.at(-1);
  if (records.length === limit && last !== undefined) return { records, next: placeOf(last) };
  return {
    records,
    next: end === undefined ? null : { firstSeenAtMs: end[0], id: Buffer.from(end[1]).toString('hex') },
  };
}

function endOfSlice({ handle }: Connection, from: readonly SqliteValue[]): [number, Uint8Array] | undefined {
  const row = handle
    .prepare(
      `SELECT first_seen_at_ms, id FROM oncekey_records WHERE (first_seen_at_ms, id) > (?, ?)
       ORDER BY first_seen_at_ms, id LIMIT 1 OFFSET ${sliceRecords - 1}`,
    )
    .get(...from) as { first_seen_at_ms: number; id: Uint8Array } | undefined;
  return row && [row.first_seen_at_ms, row.id];
}

// Glued from constant pieces only; what the caller gave is bound.
function conditions(ask: ListAsk, nowMs: number): { text: string; values: SqliteValue[] } {
  const values: SqliteValue[] = [nowMs];
  let text = 'AND (expires_at_ms IS NULL OR expires_at_ms > ?)';
  const add = (condition: string, ...bound: SqliteValue[]): void => {
    text += ` AND ${condition}`;
    values.push(...bound);
  };
  if (ask.scope !== undefined) add('scope = ?', JSON.stringify(ask.scope));
  if (ask.operation !== undefined) add('operation = ?', ask.operation);
  if (ask.olderThanMs !== undefined) add('first_seen_at_ms <= ?', nowMs - ask.olderThanMs);
  if (ask.key !== undefined) add('key = ?', ask.key);
  if (ask.keyPrefix !== undefined) add('substr(key, 1, length(?)) = ?', ask.keyPrefix, ask.keyPrefix);
  if (ask.state === 'in-progress') add("state = 'in-progress' AND lease_end_ms > ?", nowMs);
  else if (ask.state === 'abandoned') add("state = 'in-progress' AND lease_end_ms <= ?", nowMs);
  else if (ask.state !== undefined) add('state = ?', ask.state);
  return { text, values };
}

/** The place of a record. */
export function placeOf({ firstSeenAtMs, id }: Place): Place {
  return { firstSeenAtMs, id };
}

/** One whole page, of as many slices as it takes; `slice` gives each of them its own turn. */
export async function listPage(
  ask: ListAsk,
  slice: (after: Place | null, limit: number) => Promise<Slice>,
): Promise<ListPage> {
  const found: StoredRecord[] = [];
  let after = ask.cursor === undefined ? null : parseCursor(ask.cursor);
  // One more than asked for tells whether there is another page.
  do {
    const { records, next } = await slice(after, ask.limit + 1 - found.length);
    found.push(...records);
    after = next;
  } while (after !== null && found.length <= ask.limit);
  const records = found.slice(0, ask.limit);
  const last = records.at(-1);
  const isMore = found.length > ask.limit && last !== undefined;
  return { records, cursor: isMore ? `${last.firstSeenAtMs}:${last.id}` : null };
}

function parseCursor(cursor: string): Place {
  const parts = /^(-?\d{1,16}):([0-9a-f]{64})$/.exec(cursor);
  if (parts === null) throw new RangeError('list: cursor must be one that a page before gave');
  return { firstSeenAtMs: Number(parts[1]), id: parts[2] ?? '' };
}
