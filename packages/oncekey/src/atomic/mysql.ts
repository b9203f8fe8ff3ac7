/** Atomic mode over `mysql2/promise` or `mariadb`: a pool for whole transactions, a connection to join one that is open. */
import type { Executor } from '../core/store.ts';
import type { AtomicDatabase } from './database.ts';
import { isConflict } from './conflict.ts';
import { rowsOf } from './rows.ts';

/** A statement as both take it: its rows are objects, whatever the pool is set to. */
export interface MysqlAtomicStatement {
  readonly sql: string;
  readonly rowsAsArray: false;
  readonly nestTables: false;
}

/** What is used of a connection of either. */
export interface MysqlAtomicConnection {
  query(text: string): Promise<unknown>;
  query(statement: MysqlAtomicStatement, values: (string | null)[]): Promise<unknown>;
  release(): unknown;
  destroy(): unknown;
}

/** What is used of a pool of either. */
export interface MysqlAtomicPool<Connection extends MysqlAtomicConnection> {
  getConnection(): Promise<Connection>;
}

type Isolation = 'READ COMMITTED' | 'REPEATABLE READ' | 'SERIALIZABLE';

/** How transactions begin; default READ COMMITTED, which locks no gaps: others may deadlock and run again. */
export interface MysqlAtomicOptions {
  readonly isolation?: Isolation;
}

/** Runs statements on a connection whose transaction the caller has begun. */
export function mysqlExecutor(connection: Pick<MysqlAtomicConnection, 'query'>): Executor {
  return async (sql, values) =>
    rowsOf(await connection.query({ sql, rowsAsArray: false, nestTables: false }, [...values]));
}

/** The database behind a pool; `tx` is the connection. One whose transaction could not be ended is closed, not used again. */
export function mysqlDatabase<Connection extends MysqlAtomicConnection>(
  pool: MysqlAtomicPool<Connection>,
  { isolation = 'READ COMMITTED' }: MysqlAtomicOptions = {},
): AtomicDatabase<Connection> {
  return {
    isConflict,
    async transaction(act) {
      const connection = await pool.getConnection();
      let isUsable = false;
      try {
        await connection.query(`SET TRANSACTION ISOLATION LEVEL ${isolation}`);
        await connection.query('START TRANSACTION');
        try {
          const result = await act(connection, mysqlExecutor(connection));
          await connection.query('COMMIT');
          isUsable = true;
          return result;
        } catch (error) {
          await connection.query('ROLLBACK').then(
            () => (isUsable = true),
            // The connection is gone, and the transaction with it; the first error is what matters.
            () => undefined,
          );
          throw error;
        }
      } finally {
        if (isUsable) await connection.release();
        else connection.destroy();
      }
    },
  };
}
