/**
 * What this library uses of a pool, so that it depends on none: the promise pool of
 * `mysql2` and the pool of `mariadb` have all of it. Evens out how they answer, and
 * nothing else: it knows no table and retries nothing.
 */

/** One statement as both clients take it. */
export interface MysqlStatement {
  readonly sql: string;
  /** Rows come as lists, whatever the pool is set to. */
  readonly rowsAsArray: true;
  /** Makes `mariadb` answer a pair, as `mysql2` always does. */
  readonly metaAsArray: true;
}

/** A value bound to a placeholder. */
export type MysqlValue = string | number | Uint8Array | null;

/** What runs statements: `query` sends the text whole, `execute` prepares it once a connection. */
export interface MysqlRunner {
  query(statement: MysqlStatement): Promise<unknown>;
  execute(statement: MysqlStatement, values: MysqlValue[]): Promise<unknown>;
}

/** A connection taken out of the pool. */
export interface MysqlConnection extends MysqlRunner {
  release(): unknown;
  destroy(): void;
}

/** A pool of `mysql2/promise` or of `mariadb`. */
export interface MysqlPool extends MysqlRunner {
  getConnection(): Promise<MysqlConnection>;
}

/** A column as a client reads it: big integers come as numbers, bigints or texts, texts also as bytes. */
export type Cell = string | number | bigint | Uint8Array | null;

/** What a statement did. */
export interface Answered {
  /** Of a SELECT, else none. */
  readonly rows: readonly (readonly Cell[])[];
  /** Rows written; whether rows that stay as they were count is up to the connection. */
  readonly affected: number;
  /** The value that the statement gave to LAST_INSERT_ID. */
  readonly told: number;
}

/** A statement with values for its placeholders, or with its values in the text. */
export interface Spelled {
  readonly sql: string;
  readonly values?: MysqlValue[];
}

/** Runs one statement. Rejects with the client's own error. */
export async function run(runner: MysqlRunner, { sql, values }: Spelled): Promise<Answered> {
  const statement = { sql, rowsAsArray: true, metaAsArray: true } as const;
  const answered = await (values === undefined ? runner.query(statement) : runner.execute(statement, values));
  const [result] = answered as [unknown];
  if (Array.isArray(result)) return { rows: result as Cell[][], affected: 0, told: 0 };
  const { affectedRows, insertId } = result as { affectedRows: number; insertId: number | bigint | string };
  return { rows: [], affected: affectedRows, told: Number(insertId) };
}

/** Throws a TypeError for what is no such pool, the callback pool of `mysql2` among them. */
export function checkPool(pool: unknown): void {
  const { query, execute, getConnection, promise } = (pool ?? {}) as Partial<MysqlPool> & { promise?: unknown };
  if (typeof promise === 'function') {
    throw new TypeError("mysql: pool must have promises; make it by 'mysql2/promise', or pass pool.promise()");
  }
  if (typeof query !== 'function' || typeof execute !== 'function' || typeof getConnection !== 'function') {
    throw new TypeError('mysql: pool must be a pool of mysql2/promise or of mariadb');
  }
}
