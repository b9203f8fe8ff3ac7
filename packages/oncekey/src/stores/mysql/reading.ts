/**
 * What is answered by reading alone: records by their ids, one whole record, a page of
 * them. Changes nothing and takes no lock.
 */
import type { ListAsk, ListPage, RecordId, StoredRecord } from '../../core/store.ts';
import type { BatchEntry } from '../coalesce.ts';
import type { Run } from './database.ts';
import { type Cell, type Spelled } from './client.ts';
import { type DecidingRow, allColumns, deciding, decidingColumns, isExpired, whole } from './rows.ts';
import { type Write, living, nowUs, spell } from './statement.ts';

/** A row that was found, or why it cannot be used. */
export type Found = { readonly row: DecidingRow } | { readonly error: unknown };

/** The record id as it is stored. */
export function idBytes(id: RecordId): Buffer {
  return Buffer.from(id, 'hex');
}

/** `IN` these ids. */
export function amongIds(ids: readonly RecordId[], write: Write): string {
  return `id IN (${ids.map((id) => write(idBytes(id))).join(', ')})`;
}

/** The columns that decide, of these records, expired or not, by id. `also` is put behind the condition. */
export async function findRows(
  statement: Run,
  table: string,
  ids: readonly RecordId[],
  also: string = '',
): Promise<Map<RecordId, Found>> {
  const { rows } = await statement(
    spell(ids.length, (write) => `SELECT ${decidingColumns} FROM ${table} WHERE ${amongIds(ids, write)}${also}`),
  );
  const found = new Map<RecordId, Found>();
  for (const cells of rows) {
    const id = Buffer.from(cells[1] as Uint8Array).toString('hex');
    found.set(
      id,
      attempt(() => ({ row: deciding(cells) })),
    );
  }
  return found;
}

// One record that cannot be read fails by itself.
function attempt<T>(read: () => T): T | { readonly error: unknown } {
  try {
    return read();
  } catch (error) {
    return { error };
  }
}

/** The columns that decide, of one record that is not absent. Throws `record_unreadable`. */
export async function findLiving(
  statement: Run,
  table: string,
  id: RecordId,
  also: string = '',
): Promise<DecidingRow | undefined> {
  const found = (await findRows(statement, table, [id], also)).get(id);
  if (found === undefined) return undefined;
  if ('error' in found) throw found.error;
  return isExpired(found.row) ? undefined : found.row;
}

/** Whole records by their ids; undefined for an absent one. */
export async function readRecords(
  statement: Run,
  table: string,
  ids: readonly RecordId[],
): Promise<BatchEntry<StoredRecord | undefined>[]> {
  const { rows } = await statement(
    spell(ids.length, (write) => `SELECT ${allColumns} FROM ${table} WHERE ${amongIds(ids, write)} AND ${living}`),
  );
  const found = new Map<RecordId, BatchEntry<StoredRecord>>();
  for (const cells of rows) {
    const id = Buffer.from(cells[1] as Uint8Array).toString('hex');
    found.set(
      id,
      attempt(() => ({ answer: whole(cells).record })),
    );
  }
  return ids.map((id) => found.get(id) ?? { answer: undefined });
}

/** {@link Store.list}. */
export async function listRecords(statement: Run, table: string, ask: ListAsk): Promise<ListPage> {
  const after = ask.cursor === undefined ? 0 : parseCursor(ask.cursor);
  // One more than asked for tells whether there is another page.
  const { rows } = await statement(search(table, ask, after));
  const page = rows.slice(0, ask.limit).map((cells: readonly Cell[]) => whole(cells));
  const last = rows.length > ask.limit ? page.at(-1) : undefined;
  return { records: page.map(({ record }) => record), cursor: last === undefined ? null : String(last.number) };
}

function search(table: string, ask: ListAsk, after: number): Spelled {
  // With literals always: how many placeholders there are would depend on what is asked.
  return spell(0, (write) => {
    const conditions = [`record_number > ${write(after)}`, living, ...conditionsOf(ask, write)];
    return `SELECT ${allColumns} FROM ${table} WHERE ${conditions.join(' AND ')}
      ORDER BY record_number LIMIT ${write(ask.limit + 1)}`;
  });
}

// LIKE compares character by character, where = would pass over blanks at the end.
function conditionsOf(ask: ListAsk, write: Write): string[] {
  const { scope, operation, state, olderThanMs, key, keyPrefix } = ask;
  const like = (pattern: string): string => `LIKE CONVERT(${write(pattern)} USING utf8mb4) ESCAPE '|'`;
  const conditions: string[] = [];
  if (scope !== undefined) conditions.push(`scope ${like(escaped(JSON.stringify(scope)))}`);
  if (operation !== undefined) conditions.push(`operation ${like(escaped(operation))}`);
  if (key !== undefined) conditions.push(`\`key\` ${like(escaped(key))}`);
  if (keyPrefix !== undefined) conditions.push(`\`key\` ${like(`${escaped(keyPrefix)}%`)}`);
  if (olderThanMs !== undefined) conditions.push(`first_seen_at_us <= ${nowUs} - ${write(olderThanMs * 1000)}`);
  if (state === 'in-progress') conditions.push(`state = 'in-progress' AND lease_end_us > ${nowUs}`);
  else if (state === 'abandoned') conditions.push(`state = 'in-progress' AND lease_end_us <= ${nowUs}`);
  else if (state !== undefined) conditions.push(`state = CONVERT(${write(state)} USING ascii)`);
  return conditions;
}

function escaped(text: string): string {
  return text.replace(/[|%_]/g, '|$&');
}

function parseCursor(cursor: string): number {
  if (/^\d{1,15}$/.test(cursor)) return Number(cursor);
  throw new RangeError('list: cursor must be one that a page before gave');
}

/** The revision of each of these records while its lease runs; null otherwise. */
export async function lookAtAll(
  statement: Run,
  table: string,
  ids: readonly RecordId[],
): Promise<Map<RecordId, number | null>> {
  const { rows } = await statement(
    // With literals always: how many are watched differs from time to time.
    spell(
      0,
      (write) => `SELECT id, IF(state = 'in-progress' AND lease_end_us > ${nowUs}, revision, NULL) FROM ${table}
        WHERE ${amongIds(ids, write)}`,
    ),
  );
  return new Map(
    rows.map(([id, revision]) => [
      Buffer.from(id as Uint8Array).toString('hex'),
      revision === null || revision === undefined ? null : Number(revision),
    ]),
  );
}
