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

/** A record and its row number: rows are numbered as they come, so that the oldest have the lowest. */
export interface Found {
  readonly number: number;
  readonly record: StoredRecord;
}

/** What one slice found, and the row number after which the next begins (null at the end). */
export interface Slice {
  readonly found: readonly Found[];
  readonly next: number | null;
}

type NumberedRow = RecordRow & { readonly record_number: number };

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
export function listSlice(connection: Connection, ask: ListAsk, after: number, limit: number, nowMs: number): Slice {
  const { statements, handle } = connection;
  const end = statements.endOfSlice.get(after, sliceRecords - 1) as { record_number: number } | undefined;
  const { text, values } = conditions(ask, nowMs);
  const rows = handle
    .prepare(
      `SELECT record_number, ${allColumns} FROM oncekey_records WHERE record_number > ? AND record_number <= ? ${text}
       ORDER BY record_number LIMIT ?`,
    )
    .all(after, end?.record_number ?? Number.MAX_SAFE_INTEGER, ...values, limit) as NumberedRow[];
  const found = rows.map((row) => ({ number: row.record_number, record: assemble(connection, row, nowMs) }));
  const last = found.at(-1);
  if (found.length === limit && last !== undefined) return { found, next: last.number };
  return { found, next: end?.record_number ?? null };
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

/** One whole page, of as many slices as it takes; `slice` gives each of them its own turn. */
export async function listPage(
  ask: ListAsk,
  slice: (after: number, limit: number) => Promise<Slice>,
): Promise<ListPage> {
  const page: Found[] = [];
  let after: number | null = ask.cursor === undefined ? 0 : parseCursor(ask.cursor);
  // One more than asked for tells whether there is another page.
  do {
    const { found, next } = await slice(after, ask.limit + 1 - page.length);
    page.push(...found);
    after = next;
  } while (after !== null && page.length <= ask.limit);
  const last = page.length > ask.limit ? page[ask.limit - 1] : undefined;
  return { records: page.slice(0, ask.limit).map(({ record }) => record), cursor: last ? String(last.number) : null };
}

function parseCursor(cursor: string): number {
  if (/^\d{1,15}$/.test(cursor)) return Number(cursor);
  throw new RangeError('list: cursor must be one that a page before gave');
}
