/** Atomic mode over `pg`: a pool of it for whole transactions, a client of it to join one that is open. */
import { randomBytes } from 'node:crypto';
import type { Executor } from '../core/store.ts';
import type { AtomicDatabase } from './database.ts';
import { isConflict } from './conflict.ts';
import { canFinish, finish } from './pg-finish.ts';

/** A statement that `pg` keeps prepared. */
export interface PgKeptStatement {
  name: string;
  text: string;
  values: (string | null)[];
}

/** What is used of a client of `pg`. */
export interface PgClient {
  query: {
    (text: string, values?: (string | null)[]): Promise<{ rows: object[] }>;
    (statement: PgKeptStatement): Promise<{ rows: object[] }>;
  };
  /** The process that the server, or a pooler, has named as this client's. */
  readonly processID?: number | null;
}

/** What is used of a client that a pool lends. */
export interface PgPoolClient extends PgClient {
  release(destroy?: boolean): void;
  on(event: 'error', listener: (error: Error) => void): unknown;
  off(event: 'error', listener: (error: Error) => void): unknown;
}

/** What is used of a pool of `pg`; its type has a second, older form of `connect`. */
export interface PgPool<Client extends PgPoolClient> {
  connect: { (): Promise<Client>; (callback: never): void };
}

/** How transactions begin. */
export interface PgOptions {
  /** Default: the database's own, usually READ COMMITTED. */
  readonly isolation?: 'READ COMMITTED' | 'REPEATABLE READ' | 'SERIALIZABLE';
}

/** Runs statements on a client whose transaction the caller has begun. */
export function pgExecutor(client: PgClient): Executor {
  return executorOf(client, async (text, values) => (await client.query(text, [...values])).rows);
}

type Kept = (name: string, text: string, values: (string | null)[]) => Promise<readonly object[]>;

function executorOf(client: PgClient, execute: Executor, last?: Kept): Executor {
  const prepared: Kept = async (name, text, values) => (await client.query({ name, text, values })).rows;
  return Object.assign(execute, {
    keptAs: (name: string, session: string): Executor => {
      if (session !== String(client.processID)) return execute;
      const run = last ?? prepared;
      return (text, values) => run(`${name}_${suffixOf(client)}`, text, [...values]);
    },
  });
}

// A pooler hands a connection to the server from client to client, and what one has prepared there is nothing to the
// others. Where the session is not the one that the client was told of, there is one in between.
const suffixes = new WeakMap<PgClient, string>();

function suffixOf(client: PgClient): string {
  const suffix = suffixes.get(client) ?? randomBytes(6).toString('hex');
  suffixes.set(client, suffix);
  return suffix;
}

/** The database behind a pool; `tx` is the client. A client whose transaction could not be ended is closed, not used again. */
export function pgDatabase<Client extends PgPoolClient>(
  pool: PgPool<Client>,
  { isolation }: PgOptions = {},
): AtomicDatabase<Client> {
  const begin = isolation === undefined ? 'BEGIN' : `BEGIN ISOLATION LEVEL ${isolation}`;
  return {
    isConflict,
    async transaction(act, bounds) {
      const client = await pool.connect();
      // A lent client that nobody listens to would end the process with its connection; the statement tells as well.
      client.on('error', ignore);
      const one = new Transaction(client, begin, bounds !== undefined);
      try {
        if (bounds === undefined) await one.begin();
        return await one.commit(await act(client, one.execute));
      } catch (error) {
        await one.rollBack();
        throw error;
      } finally {
        client.off('error', ignore);
        client.release(!one.isOver);
      }
    },
  };
}

/** One transaction of a client. */
class Transaction {
  /** Whether the client can be used for something else. */
  isOver = true;
  readonly execute: Executor;
  readonly #client: PgClient;
  readonly #begin: string;

  constructor(client: PgClient, begin: string, endsByExecuting: boolean) {
    this.#client = client;
    this.#begin = begin;
    const inside = pgExecutor(client);
    this.execute = executorOf(
      client,
      async (text, values) => {
        if (!this.isOver) return inside(text, values);
        if (values.length === 0) return this.#beginWith(text);
        await this.begin();
        return inside(text, values);
      },
      endsByExecuting && canFinish(client) ? (name, text, values) => this.#finish(name, text, values) : undefined,
    );
  }

  async begin(): Promise<void> {
    this.isOver = false;
    await this.#client.query(this.#begin);
  }

  /** In one message: no round trip for the beginning. */
  async #beginWith(text: string): Promise<readonly object[]> {
    this.isOver = false;
    const answers = (await this.#client.query(`${this.#begin}; ${text}`)) as unknown as { rows: object[] }[];
    return answers[1]?.rows ?? [];
  }

  /** In one message with COMMIT: no round trip for that either. */
  async #finish(name: string, text: string, values: (string | null)[]): Promise<readonly object[]> {
    const rows = await finish(this.#client, name, text, values);
    this.isOver = true;
    return rows;
  }

  async commit<T>(result: T): Promise<T> {
    if (!this.isOver) await this.#client.query('COMMIT');
    this.isOver = true;
    return result;
  }

  async rollBack(): Promise<void> {
    if (this.isOver) return;
    await this.#client.query('ROLLBACK').then(
      () => (this.isOver = true),
      // The connection is gone, and the transaction with it; the first error is what matters.
      () => undefined,
    );
  }
}

function ignore(): void {}
