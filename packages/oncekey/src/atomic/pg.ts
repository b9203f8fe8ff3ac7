/** Atomic mode over `pg`: a pool of it for whole transactions, a client of it to join one that is open. */
import type { Executor } from '../core/store.ts';
import type { AtomicDatabase } from './database.ts';
import { isConflict } from './conflict.ts';
import { type Kept, canSend, isGone, send, sessionOf } from './pg-message.ts';

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
  return Object.assign(plainOn(client), {
    keptAs: (name: string, session: string | null) =>
      isOwn(client, session) ? keptOn(client, name, (kept) => query(client, kept)) : undefined,
  });
}

function plainOn(client: PgClient): Executor {
  return async (text, values) => (await client.query(text, [...values])).rows;
}

// `pg` notes by itself what it has prepared; of messages it knows nothing, so that names must differ.
async function query(client: PgClient, { name, text, values }: Kept): Promise<readonly object[]> {
  return (await client.query({ name: `${name}_${sessionOf(client).suffix}q`, text, values })).rows;
}

function keptOn(client: PgClient, name: string, run: (kept: Kept) => Promise<readonly object[]>): Executor {
  return (text, values) => run({ name, text, values: [...values] });
}

// Where the session is not the one that the client was told of, a pooler is in between: what is prepared there by one
// client is nothing to the others. Nobody knows before the server has said so.
function isOwn(client: PgClient, session: string | null): boolean {
  const known = sessionOf(client);
  if (known.is !== 'gone' && session !== null) known.is = session === String(client.processID) ? 'own' : 'unknown';
  return known.is === 'own';
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
        const result = await act(client, one.execute);
        if (!one.isOver) await one.commit();
        return result;
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

  constructor(client: PgClient, begin: string, bounds: boolean) {
    this.#client = client;
    this.#begin = begin;
    const inside = plainOn(client);
    const first: Executor = async (text, values) => {
      if (values.length === 0) return this.#beginWith(text);
      await this.begin();
      return inside(text, values);
    };
    const execute: Executor = (text, values) => (this.isOver ? first : inside)(text, values);
    const sends = bounds && canSend(client);
    const keptAs = (name: string, session: string | null): Executor | undefined => {
      if (!isOwn(client, session)) return undefined;
      if (!sends) return session === null ? undefined : keptOn(client, name, (kept) => query(client, kept));
      return keptOn(client, name, (kept) => (session === null ? this.#beginWithKept(kept) : this.#finish(kept)));
    };
    this.execute = Object.assign(execute, { keptAs });
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

  /** The same without the server's parsing it. */
  async #beginWithKept(kept: Kept): Promise<readonly object[]> {
    this.isOver = false;
    try {
      return await send(this.#client, kept, { begin: this.#begin });
    } catch (error) {
      if (!isGone(error)) throw error;
      await this.#client.query('ROLLBACK');
      await this.begin();
      return (await this.#client.query(kept.text, kept.values)).rows;
    }
  }

  /** In one message with COMMIT: no round trip for that either. */
  async #finish(kept: Kept): Promise<readonly object[]> {
    const rows = await send(this.#client, kept, 'commit');
    this.isOver = true;
    return rows;
  }

  async commit(): Promise<void> {
    await this.#client.query('COMMIT');
    this.isOver = true;
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
