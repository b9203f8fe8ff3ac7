/** Atomic mode over `pg`: a pool of it for whole transactions, a client of it to join one that is open. */
import type { Executor, KeptStatement } from '../core/store.ts';
import type { AtomicDatabase } from './database.ts';
import { isConflict } from './conflict.ts';
import { canSend, commit, isGone, send, sessionOf } from './pg-message.ts';

/** What is used of a client of `pg`. */
export interface PgClient {
  query(text: string, values?: (string | null)[]): Promise<{ rows: object[] }>;
  /** The process that the server, or a pooler, has named as this client's. */
  readonly processID?: number | null;
  /** What the server has last said of its transaction: `I` for none. Older versions of `pg` do not tell. */
  getTransactionStatus?(): string | null;
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
  const keeping: Executor['keeping'] = (session) => {
    if (!canKeep(client, session)) return undefined;
    if (session !== null) checkOpen(client);
    return (statements) => send(client, statements);
  };
  return Object.assign(plainOn(client), { keeping });
}

function plainOn(client: PgClient): Executor {
  return (text, values) => client.query(text, [...values]).then(rowsOf);
}

function rowsOf({ rows }: { readonly rows: object[] }): readonly object[] {
  return rows;
}

// Where the session is not the one that the client was told of, a pooler is in between: what is prepared there by one
// client is nothing to the others. Nobody knows before the server has said so.
function canKeep(client: PgClient, session: string | null): boolean {
  const known = sessionOf(client);
  if (known.is !== 'gone' && session !== null) known.is = session === String(client.processID) ? 'own' : 'unknown';
  return known.is === 'own' && canSend(client);
}

// Asked when the work is done: by then all that was sent has been answered, BEGIN among it.
function checkOpen(client: PgClient): void {
  if (client.getTransactionStatus?.() !== 'I') return;
  throw new TypeError(
    'atomic: the transaction of the claim is over; leave COMMIT and ROLLBACK out of the work, and begin a transaction before once.within',
  );
}

/** The database behind a pool; `tx` is the client. A client whose transaction could not be ended is closed, not used again. */
export function pgDatabase<Client extends PgPoolClient>(
  pool: PgPool<Client>,
  { isolation }: PgOptions = {},
): AtomicDatabase<Client> {
  const text = isolation === undefined ? 'BEGIN' : `BEGIN ISOLATION LEVEL ${isolation}`;
  const begin = { name: `oncekey_${text}`, text, values: [] };
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
  readonly #begin: KeptStatement;

  constructor(client: PgClient, begin: KeptStatement, bounds: boolean) {
    this.#client = client;
    this.#begin = begin;
    const inside = plainOn(client);
    const first: Executor = async (text, values) => {
      if (values.length === 0) return this.#beginWith(text);
      await this.begin();
      return inside(text, values);
    };
    const execute: Executor = (text, values) => (this.isOver ? first : inside)(text, values);
    const keeping: Executor['keeping'] = (session) => {
      if (!canKeep(client, session)) return undefined;
      if (!bounds) return (statements) => send(client, statements);
      if (session === null) return (statements) => this.#beginKeeping(statements);
      checkOpen(client);
      return (statements) => this.#finish(statements);
    };
    this.execute = Object.assign(execute, { keeping });
  }

  async begin(): Promise<void> {
    this.isOver = false;
    await this.#client.query(this.#begin.text);
  }

  /** In one message: no round trip for the beginning. */
  async #beginWith(text: string): Promise<readonly object[]> {
    this.isOver = false;
    const answers = (await this.#client.query(`${this.#begin.text}; ${text}`)) as unknown as { rows: object[] }[];
    return answers[1]?.rows ?? [];
  }

  /** The same without the server's parsing it. */
  #beginKeeping(statements: readonly KeptStatement[]): Promise<readonly object[]> {
    this.isOver = false;
    return send(this.#client, [this.#begin, ...statements]).catch((error: unknown) => {
      if (isGone(error)) return this.#beginAnew(statements);
      throw error;
    });
  }

  async #beginAnew(statements: readonly KeptStatement[]): Promise<readonly object[]> {
    await this.#client.query('ROLLBACK');
    await this.begin();
    const rows: object[] = [];
    // oxlint-disable-next-line no-await-in-loop -- each sees what was committed before the one in front of it had ended
    for (const { text, values } of statements) rows.push(...(await this.execute(text, values)));
    return rows;
  }

  /** In one message with COMMIT: no round trip for that either. */
  async #finish(statements: readonly KeptStatement[]): Promise<readonly object[]> {
    const rows = await send(this.#client, [...statements, commit]);
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
