/**
 * The names of table and view, checked and quoted once: the only text besides constants
 * that ever becomes part of a statement.
 */

/** Where the records are: in the database of the pool. */
export interface TableOptions {
  /** Name of the table of records, which the view is named after; default `oncekey_records`. */
  readonly table?: string;
}

/** Names as they are written in a statement, and bare. */
export interface TableNames {
  readonly records: string;
  /** The view for people. */
  readonly view: string;
  /** The table's name without quotes. */
  readonly table: string;
}

/** Longest table name: the longest name made from it has at most the servers' 64 characters. */
const maxTableLength = 48;

/** Checks and quotes. Throws a TypeError that names the option. */
export function tableNames({ table = 'oncekey_records' }: TableOptions): TableNames {
  // Letters, digits and underscores: a name that needs no escape cannot become a statement.
  if (typeof table !== 'string' || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(table) || table.length > maxTableLength) {
    throw new TypeError(
      `mysql: table must be 1 to ${maxTableLength} letters, digits and underscores, not ${JSON.stringify(table)}`,
    );
  }
  return { records: `\`${table}\``, view: `\`${table}_view\``, table };
}
