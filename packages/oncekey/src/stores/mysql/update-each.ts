/**
 * One UPDATE for records that each get values of their own: for one record the values stand
 * in it, for several they are a list that is joined by id. Both forms hold the same
 * conditions on each row. Knows no column but the id.
 */
import type { MysqlValue } from './client.ts';
import type { Write } from './statement.ts';

/** What stands for one of the values in SET or WHERE. */
export type Given<Name extends string> = (name: Name) => string;

/** An UPDATE, but for its table and the id. */
export interface Change<Name extends string> {
  readonly set: (given: Given<Name>) => string;
  readonly where: (given: Given<Name>) => string;
}

/** The statement for these records, in their order: sort them by id, so that no two statements wait for each other. */
export function updateEach<Name extends string>(
  table: string,
  records: readonly ({ readonly id: MysqlValue } & Readonly<Record<Name, MysqlValue>>)[],
  write: Write,
  { set, where }: Change<Name>,
): string {
  const [only, ...others] = records;
  if (only !== undefined && others.length === 0) {
    const value: Given<Name> = (name) => write(only[name]);
    return `UPDATE ${table} SET ${set(value)} WHERE id = ${write(only.id)} AND ${where(value)}`;
  }
  const column: Given<Name> = (name) => `given_${name}`;
  // The table first: else all new values go through a temporary table on disk. Its index is named, since for a small
  // table a server would rather read, and lock, all of it.
  return `UPDATE ${table} FORCE INDEX (id) STRAIGHT_JOIN (${listOf(records, write)}) AS given ON ${table}.id = given_id
    SET ${set(column)}
    WHERE ${table}.id IN (${records.map(({ id }) => write(id)).join(', ')}) AND ${where(column)}`;
}

// The first names the columns. A row constructor is spelled differently by MySQL and MariaDB; this is not.
function listOf(records: readonly Readonly<Record<string, MysqlValue>>[], write: Write): string {
  const [first = {}] = records;
  const names = Object.keys(first);
  const rows = records.map((record) => names.map((name) => write(record[name] ?? null)));
  const head = names.map((name, index) => `${rows[0]?.[index] ?? 'NULL'} AS given_${name}`).join(', ');
  return [`SELECT ${head}`, ...rows.slice(1).map((row) => `SELECT ${row.join(', ')}`)].join(' UNION ALL ');
}
