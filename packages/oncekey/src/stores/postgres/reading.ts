/**
 * What is answered by reading alone: records by id, or a page of them. Takes no row lock
 * and makes no log.
 */
import type { ListAsk, ListPage, RecordId, StoredRecord } from '../../core/store.ts';
import type { BatchEntry } from '../coalesce.ts';
import type { Parameter, Row } from './client.ts';
import { durationText, hasId, isThere } from './expressions.ts';
import { recordSelected, textOf, toRecord } from './rows.ts';
import type { Server } from './server.ts';
import { type Statement, statement, textArray } from './statement.ts';
import type { TableNames } from './names.ts';

/** Makes the statement that reads whole records. */
export function readStatement({ records }: TableNames): Statement {
  return statement(
    ['id'],
    ({ a, among }) => `SELECT ${recordSelected} FROM ${among}${records} r WHERE ${hasId(a.id)} AND ${isThere}`,
  );
}

/** {@link Store.read} for many at once. */
export async function readAll(
  server: Server,
  read: Statement,
  ids: readonly RecordId[],
): Promise<BatchEntry<StoredRecord | undefined>[]> {
  const rows = await server.run(
    read,
    Array.from(new Set(ids), (id) => [id]),
  );
  const byId = new Map(rows.map((row) => [textOf(row, 'id'), row]));
  return ids.map((id) => entryOf(byId.get(id)));
}

function entryOf(row: Row | undefined): BatchEntry<StoredRecord | undefined> {
  try {
    return { answer: row && toRecord(row) };
  } catch (error) {
    return { error };
  }
}

/**
 * {@link Store.list}: pages by when a record was first seen, then by id, neither of which changes while it exists. An
 * unreadable record fails the page: leaving it out would be a lie.
 */
export async function listPage(server: Server, ask: ListAsk): Promise<ListPage> {
  const { conditions, parameters } = conditionsOf(ask);
  const text = `SELECT ${recordSelected}, (extract(epoch FROM r.first_seen_at) * 1000000)::int8::text AS micros
    FROM ${server.names.records} r WHERE ${conditions.join(' AND ')}
    ORDER BY r.first_seen_at, r.id LIMIT $${parameters.length + 1}::text::integer`;
  // One more than asked for tells whether there is another page.
  const rows = await server.runText(text, [...parameters, String(ask.limit + 1)]);
  const records = rows.slice(0, ask.limit).map(toRecord);
  const last = rows.length > ask.limit ? rows[ask.limit - 1] : undefined;
  return { records, cursor: last ? `${textOf(last, 'micros')}.${textOf(last, 'id')}` : null };
}

// Glued from constant pieces only; what the caller gave is bound.
function conditionsOf(ask: ListAsk): { conditions: string[]; parameters: Parameter[] } {
  const conditions = [isThere];
  const parameters: Parameter[] = [];
  const add = (value: string | undefined, condition: (parameter: string) => string): void => {
    if (value !== undefined) conditions.push(condition(`$${parameters.push(value)}::text`));
  };
  add(ask.scope && textArray(ask.scope), (scope) => `r.scope = ${scope}::text[]`);
  add(ask.operation, (operation) => `r.operation = ${operation}`);
  add(ask.key, (key) => `r.key = ${key}`);
  add(ask.keyPrefix, (prefix) => `starts_with(r.key, ${prefix})`);
  add(durationText(ask.olderThanMs ?? null) ?? undefined, olderThan);
  if (ask.state === 'in-progress') conditions.push("r.state = 'in-progress' AND r.lease_end > clock_timestamp()");
  else if (ask.state === 'abandoned') conditions.push("r.state = 'in-progress' AND r.lease_end <= clock_timestamp()");
  else add(ask.state, (state) => `r.state = ${state}`);
  if (ask.cursor !== undefined) {
    const [micros, id] = parseCursor(ask.cursor);
    const at = `timestamptz 'epoch' + $${parameters.push(micros)}::text::int8 * interval '1 microsecond'`;
    conditions.push(`(r.first_seen_at, r.id) > (${at}, decode($${parameters.push(id)}::text, 'hex'))`);
  }
  return { conditions, parameters };
}

function olderThan(ms: string): string {
  return `r.first_seen_at <= clock_timestamp() - ${ms}::float8 * interval '1 millisecond'`;
}

function parseCursor(cursor: string): [micros: string, id: string] {
  const [, micros, id] = /^(-?\d{1,18})\.([0-9a-f]{64})$/.exec(cursor) ?? [];
  if (micros !== undefined && id !== undefined) return [micros, id];
  throw new RangeError('list: cursor must be one that a page before gave');
}
