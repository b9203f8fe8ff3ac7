/**
 * The client that the user already has, seen as one function: text and parameters in, rows
 * out. Parameters are texts or null and every column comes back as text, so that no driver's
 * types, settings or session matter. A statement that does not end in time fails and gives
 * its connection up. Decides nothing about records.
 */
import { systemClock } from '../../core/clock.ts';
import { IdempotencyError } from '../../core/errors.ts';

/** What is bound: everything is cast in the statement. */
export type Parameter = string | null;

/** Columns by name. */
export type Row = Readonly<Record<string, unknown>>;

/** Runs one statement; under a `name` it may be kept prepared, which spares its parsing the next time. */
export type Execute = (text: string, parameters: readonly Parameter[], name?: string) => Promise<readonly Row[]>;

/** A connection of `pg`, PGlite or anything that answers `{ rows }`. */
export interface PostgresConnection {
  query(text: string, parameters: Parameter[]): Promise<{ rows: unknown[] }>;
}

/** A connection lent by a pool; released with `true` it is closed instead of used again. */
export interface PostgresPoolClient {
  query(statement: { text: string; values: Parameter[]; name?: string }): Promise<{ rows: unknown[] }>;
  release(destroy?: boolean): void;
  /** A connection that breaks while it is lent says so here, beside the statement that fails. */
  on?(event: 'error', heard: () => void): unknown;
  off?(event: 'error', heard: () => void): unknown;
}

/** The pool of `pg`. */
export interface PostgresPool extends PostgresConnection {
  readonly totalCount: number;
  connect(lent: (error: Error | undefined, client: PostgresPoolClient | undefined) => void): void;
}

/** The tag of porsager's `postgres`. */
export interface PostgresTag {
  unsafe(
    text: string,
    parameters?: Parameter[],
    options?: { prepare?: boolean },
  ): PromiseLike<readonly unknown[]> & { cancel(): void };
}

/** What the store works with: a pool or client of `pg`, the tag of `postgres`, a PGlite. */
export type PostgresClient = PostgresPool | PostgresConnection | PostgresTag;

/** The client as one function. A statement that takes longer than `timeoutMs` fails with `store_unavailable`. */
export function executeOn(client: PostgresClient, timeoutMs: number): Execute {
  if ('unsafe' in client) return named(unlessPooled(client, timeoutMs));
  if ('totalCount' in client) return named((text, values, name) => runPooled(client, timeoutMs, text, values, name));
  return (text, values) => inTime(timeoutMs, query(client, text, values), ignore);
}

// A prepared statement that is not there, or is there already: a pooler has changed the connection behind the client.
const poolerCodes: ReadonlySet<unknown> = new Set(['26000', '42P05']);

/** Names statements until it turns out that a pooler stands in between. The server did nothing then; it is asked again. */
function named(execute: Execute): Execute {
  let keepsNames = true;
  return async (text, parameters, name) => {
    if (name === undefined || !keepsNames) return execute(text, parameters);
    try {
      return await execute(text, parameters, name);
    } catch (error) {
      if (!poolerCodes.has((error as { code?: unknown } | null)?.code)) throw error;
      keepsNames = false;
      return execute(text, parameters);
    }
  };
}

// The tag prepares anew, under another name, what a session has lost, and says nothing: behind a pooler the sessions that
// all share would fill up. So it is asked first whether its session is the one that the server serves.
function unlessPooled(tag: PostgresTag, timeoutMs: number): Execute {
  let isPooled: boolean | undefined;
  return async (text, parameters, name) => {
    if (name === undefined) return runTag(tag, timeoutMs, text, parameters);
    isPooled ??= await hasPooler(tag, timeoutMs);
    return runTag(tag, timeoutMs, text, parameters, isPooled ? undefined : name);
  };
}

/** Whether the server's process is another than the one which this client was told of; a tag that tells of none counts as pooled. */
async function hasPooler(tag: PostgresTag, timeoutMs: number): Promise<boolean> {
  const rows = await runTag(tag, timeoutMs, `SELECT pg_backend_pid()::text AS id ${withParameter}`, [null]);
  const { state } = rows as { state?: { pid?: unknown } };
  return rows[0]?.['id'] !== String(state?.pid);
}

/**
 * Ends a SELECT that asks for nothing, and takes null. The tag sends a statement behind one without parameters before that
 * is answered; a pooler that does not count such messages (PgBouncer before 1.21) gives the session away in between, and
 * the answer never comes.
 */
export const withParameter = 'WHERE $1::text IS NULL';

/** Runs a text of several statements as one transaction, without parameters. */
export async function executeScript(client: PostgresClient, text: string): Promise<void> {
  if ('unsafe' in client) await client.unsafe(text);
  else if ('exec' in client && typeof client.exec === 'function') await client.exec(text);
  else await (client as { query(text: string): Promise<unknown> }).query(text);
}

async function query(
  client: PostgresConnection,
  text: string,
  parameters: readonly Parameter[],
): Promise<readonly Row[]> {
  const { rows } = await client.query(text, parameters as Parameter[]);
  return rows as Row[];
}

// A pool's own `query` would keep a connection for as long as the server is silent. One timer is for both, the connection and
// the statement.
function runPooled(
  pool: PostgresPool,
  timeoutMs: number,
  text: string,
  parameters: readonly Parameter[],
  name?: string,
): Promise<readonly Row[]> {
  const values = parameters as Parameter[];
  const asked = name === undefined ? { text, values } : { text, values, name };
  const lent = new Lent(pool);
  return inTime(timeoutMs, lent.run(asked), () => lent.giveUp());
}

/** A connection that a pool lends for one statement. */
class Lent {
  readonly #pool: PostgresPool;
  #client: PostgresPoolClient | undefined;
  #isOver = false;

  constructor(pool: PostgresPool) {
    this.#pool = pool;
  }

  // By callback: a connection may break while it is handed over, before a promise of it could be heard. The statement
  // tells of the same trouble; unheard, the event would end the user's process.
  run(asked: Parameters<PostgresPoolClient['query']>[0]): Promise<readonly Row[]> {
    return new Promise((resolve, reject) => {
      const failed = (error: unknown): void => {
        this.#giveBack(isRefusal(error));
        reject(error instanceof Error ? error : new Error(String(error)));
      };
      this.#pool.connect((error, client) => {
        if (client === undefined) return reject(error ?? new Error('the pool lends no connection'));
        // Too late: nobody waits for it any more.
        if (this.#isOver) return client.release();
        client.on?.('error', ignore);
        this.#client = client;
        client.query(asked).then(({ rows }) => {
          this.#giveBack(true);
          resolve(rows as Row[]);
        }, failed);
      });
    });
  }

  /** The server is silent: a connection that waits for it is not used again. */
  giveUp(): void {
    this.#giveBack(false);
  }

  #giveBack(isUsable: boolean): void {
    this.#isOver = true;
    const client = this.#client;
    this.#client = undefined;
    client?.off?.('error', ignore);
    client?.release(!isUsable);
  }
}

function ignore(): void {}

// The server has refused the statement and is ready for the next one; after other errors the connection may not be.
function isRefusal(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' && /^(?!08|57P|XX)[0-9A-Z]{5}$/.test(code);
}

async function runTag(
  tag: PostgresTag,
  timeoutMs: number,
  text: string,
  parameters: readonly Parameter[],
  name?: string,
): Promise<readonly Row[]> {
  const running = tag.unsafe(text, parameters as Parameter[], { prepare: name !== undefined });
  return (await inTime(timeoutMs, running, () => running.cancel())) as Row[];
}

function inTime<T>(timeoutMs: number, answer: PromiseLike<T>, giveUp: () => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = systemClock.after(timeoutMs, () => {
      giveUp();
      reject(silent(timeoutMs));
    });
    answer.then(
      (value) => {
        cancel();
        resolve(value);
      },
      (error: unknown) => {
        cancel();
        reject(error instanceof Error ? error : new Error(String(error)));
      },
    );
  });
}

function silent(timeoutMs: number): IdempotencyError<'store_unavailable'> {
  const message = `PostgreSQL did not answer within ${timeoutMs} ms; check that it is up and that no lock stands in the way`;
  return new IdempotencyError('store_unavailable', message, { phase: 'other' });
}
