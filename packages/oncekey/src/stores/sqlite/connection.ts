/**
 * An open database with its statements: of its own for a path, or the user's handle,
 * which is given back as it was found (his busy timeout, no transaction left open, never
 * closed). Never waits inside SQLite: a busy database throws at once.
 */
import { type SqliteHandle, type Synchronous, hasOpenTransaction, openFile } from './driver.ts';
import { migrate } from './schema.ts';
import { type Statements, prepareStatements } from './statements.ts';

/** What the calls of a store work on. */
export interface Connection {
  readonly handle: SqliteHandle;
  readonly statements: Statements;
}

/** Where connections come from. */
export interface Source {
  /** Opens and migrates, or throws: the driver's busy error, or `store_unusable`. */
  connect(): Connection;
  /** Whether the user has a transaction open, so that nothing may be written now. */
  occupied(): boolean;
  /** Runs `use` with SQLite's own waiting switched off. */
  withoutWaiting<T>(use: () => T): T;
  close(): void;
}

/** A connection of one's own to a file. */
export function fileSource(path: string, synchronous: Synchronous): Source {
  let own: ReturnType<typeof openFile> | undefined;
  return {
    connect() {
      own ??= openFile(path, synchronous);
      return connectTo(own);
    },
    occupied: () => false,
    withoutWaiting: (use) => use(),
    close() {
      if (own === undefined) return;
      const closing = own;
      own = undefined;
      try {
        // A driver may keep the connection until its statements are collected, and with it the log.
        closing.exec('PRAGMA wal_checkpoint(TRUNCATE)');
      } catch {
        // A full disk, say. What cannot be moved stays in the log, safe, and the next opening reads it from there.
      } finally {
        closing.close();
      }
    },
  };
}

/** The user's own handle. */
export function handleSource(handle: SqliteHandle): Source {
  return {
    connect: () => connectTo(handle),
    occupied: () => hasOpenTransaction(handle),
    withoutWaiting(use) {
      const { timeout } = handle.prepare('PRAGMA busy_timeout').get() as { timeout: number };
      if (timeout === 0) return use();
      handle.exec('PRAGMA busy_timeout = 0');
      try {
        return use();
      } finally {
        handle.exec(`PRAGMA busy_timeout = ${timeout}`);
      }
    },
    close() {},
  };
}

/** All statements of `change` or none, inside the transaction that is open. */
export function atomically<T>({ statements }: Connection, change: () => T): T {
  statements.savepoint.run();
  try {
    const result = change();
    statements.releaseSavepoint.run();
    return result;
  } catch (error) {
    statements.rollbackSavepoint.run();
    statements.releaseSavepoint.run();
    throw error;
  }
}

function connectTo(handle: SqliteHandle): Connection {
  migrate(handle);
  return { handle, statements: prepareStatements(handle) };
}
