/** Atomic mode over `pg`: a pool of it for whole transactions, a client of it to join one that is open. */
import type { Executor } from '../core/store.ts';
import type { AtomicDatabase } from './database.ts';
import { isConflict } from './conflict.ts';

/** What is used of a client of `pg`. */
export interface PgClient {
  query(text: string, values?: (string | null)[]): Promise<{ rows: object[] }>;
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
  return async (text, values) => (await client.query(text, [...values])).rows;
}

/** The database behind a pool; `tx` is the client. A client whose transaction could not be ended is closed, not used again. */
export function pgDatabase<Client extends PgPoolClient>(
  pool: PgPool<Client>,
  { isolation }: PgOptions = {},
): AtomicDatabase<Client> {
  const begin = isolation === undefined ? 'BEGIN' : `BEGIN ISOLATION LEVEL ${isolation}`;
  return {
    isConflict,
    async transaction(act) {
      const client = await pool.connect();
      // A lent client that nobody listens to would end the process with its connection; the statement tells as well.
      client.on('error', ignore);
      let isUsable = false;
      try {
        await client.query(begin);
        try {
          const result = await act(client, pgExecutor(client));
          await client.query('COMMIT');
          isUsable = true;
          return result;
        } catch (error) {
          await client.query('ROLLBACK').then(
            () => (isUsable = true),
            // The connection is gone, and the transaction with it; the first error is what matters.
            () => undefined,
          );
          throw error;
        }
      } finally {
        client.off('error', ignore);
        client.release(!isUsable);
      }
    },
  };
}

function ignore(): void {}
