/**
 * The names of the tables, checked and quoted once: the only text besides constants that
 * ever becomes part of a statement.
 */

/** Where the tables are. */
export interface TableOptions {
  /** A schema that exists; default: the first of the connection's `search_path`. */
  readonly schema?: string;
  /** Name of the table of records, which the others are named after; default `oncekey_records`. */
  readonly table?: string;
}

/** Names as they are written in a statement. */
export interface TableNames {
  readonly records: string;
  /** The table that holds the schema's version. */
  readonly version: string;
  /** The function that shows a body as JSON. */
  readonly json: string;
  /** The function that looks a record up from inside a transaction. */
  readonly look: string;
  /** The view for people. */
  readonly view: string;
  /** A name for an index, to make it by: the schema is not part of it. */
  readonly beside: (suffix: string) => string;
  /** The same name with its schema. */
  readonly inSchema: (suffix: string) => string;
  /** Name of the channel of notices. */
  readonly channel: string;
}

/** Longest table name: the longest name made from it still has less than PostgreSQL's 63 bytes. */
const maxTableLength = 48;

/** Checks and quotes. Throws a TypeError that names the option. */
export function tableNames({ schema, table = 'oncekey_records' }: TableOptions): TableNames {
  checkName('schema', schema ?? 'public', 63);
  checkName('table', table, maxTableLength);
  const inSchema = (name: string): string =>
    schema === undefined ? quoted(name) : `${quoted(schema)}.${quoted(name)}`;
  return {
    records: inSchema(table),
    version: inSchema(`${table}_schema`),
    json: inSchema(`${table}_json`),
    look: inSchema(`${table}_look`),
    view: inSchema(`${table}_view`),
    beside: (suffix) => quoted(`${table}_${suffix}`),
    inSchema: (suffix) => inSchema(`${table}_${suffix}`),
    // In lower case, since some clients fold names; two tables that share it only hear more than they need.
    channel: table.toLowerCase(),
  };
}

// Letters, digits and underscores: a name that needs no escape cannot become a statement.
function checkName(option: string, name: unknown, maxLength: number): void {
  if (typeof name === 'string' && /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && name.length <= maxLength) return;
  throw new TypeError(
    `postgres: ${option} must be 1 to ${maxLength} letters, digits and underscores, not ${JSON.stringify(name)}`,
  );
}

function quoted(name: string): string {
  return `"${name}"`;
}
