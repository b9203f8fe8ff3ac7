/**
 * The part of a SQLite driver this store needs, described structurally, and the opening
 * of a file of its own. Every failure to open is told as one that stays (`store_unusable`);
 * nothing that looks damaged is opened as if it were new (RELIABILITY check 10). A busy
 * file is left as the driver's own error: the queue waits for it and tries again.
 */
import { mkdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, resolve } from 'node:path';
import { isBusy, storeError, unusable } from './failure.ts';

/** What is bound to a statement. */
export type SqliteValue = null | number | string | Uint8Array;

/** A prepared statement of `better-sqlite3` or `node:sqlite`. */
export interface SqliteStatement {
  get(...values: SqliteValue[]): unknown;
  all(...values: SqliteValue[]): unknown[];
  run(...values: SqliteValue[]): { readonly changes: number | bigint };
}

/** An open database of `better-sqlite3`, `node:sqlite` or anything of that shape. */
export interface SqliteHandle {
  exec(sql: string): unknown;
  prepare(sql: string): SqliteStatement;
  /** Whether a transaction is open (`better-sqlite3`). */
  readonly inTransaction?: boolean;
  /** Whether a transaction is open (`node:sqlite`, where it has it). */
  readonly isTransaction?: boolean;
}

/** How safe a commit is against loss of power: `full` survives it, `normal` may lose the last ones. */
export type Synchronous = 'full' | 'normal';

interface OwnHandle extends SqliteHandle {
  close(): void;
}

interface SqliteModule {
  readonly DatabaseSync: new (path: string) => OwnHandle;
}

/** Whether the user has a transaction open on his handle. False where the driver cannot tell. */
export function hasOpenTransaction(db: SqliteHandle): boolean {
  return db.inTransaction === true || db.isTransaction === true;
}

/** Opens a connection of one's own to the file, making its folder. Throws `store_unusable`, or the driver's busy error. */
export function openFile(path: string, synchronous: Synchronous): OwnHandle {
  const file = resolve(path);
  refuseLeftovers(file);
  const { DatabaseSync } = loadDriver();
  let db: OwnHandle | undefined;
  try {
    makeFolder(dirname(file));
    db = new DatabaseSync(file);
    configure(db, synchronous);
    return db;
  } catch (error) {
    db?.close();
    throw isBusy(error) ? error : storeError(error, 'start', `cannot open ${file}`);
  }
}

// One level at a time: the recursive form never returns where a folder exists but takes no new ones, as in /proc.
function makeFolder(folder: string): void {
  const parent = dirname(folder);
  if (parent === folder || statSync(folder, { throwIfNoEntry: false }) !== undefined) return;
  makeFolder(parent);
  try {
    mkdirSync(folder);
  } catch (error) {
    // Another process may have been first.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

function configure(db: SqliteHandle, synchronous: Synchronous): void {
  // Waiting inside SQLite would stand the event loop still; the queue waits instead.
  db.exec('PRAGMA busy_timeout = 0');
  // A new file only. Every claim dirties a page of its own in the index of the ids, which are random: a disk with a
  // limit to its bytes is the first to feel pages of 4096.
  db.exec('PRAGMA page_size = 2048');
  const mode = db.prepare('PRAGMA journal_mode = WAL').get() as { journal_mode?: unknown } | undefined;
  if (mode?.journal_mode !== 'wal') {
    throw unusable('the file cannot be used with a write-ahead log; put it on a local, writable file system');
  }
  db.exec(`PRAGMA synchronous = ${synchronous === 'full' ? 'FULL' : 'NORMAL'}`);
  // Sizes inside pages are checked as they are read, so that damage is noticed early.
  db.exec('PRAGMA cell_size_check = ON');
  // No larger page cache: at the end of a busy transaction SQLite walks through the whole of it.
  // Pages: a checkpoint stands the event loop still, a longer one longer; but the same page is written once in each.
  db.exec('PRAGMA wal_autocheckpoint = 3000');
  db.exec('PRAGMA journal_size_limit = 16777216');
}

// A log without its database is what a lost or emptied file leaves behind. SQLite would
// delete the log and begin anew, and every key would be absent.
function refuseLeftovers(file: string): void {
  if (sizeOf(file) === 0 && sizeOf(`${file}-wal`) > 0) {
    throw unusable(`${file} is empty or gone but its log ${file}-wal is not; restore the file, or remove the log`);
  }
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

function loadDriver(): SqliteModule {
  const builtin: unknown = builtinSqlite();
  if (builtin !== undefined) return builtin as SqliteModule;
  try {
    return createRequire(import.meta.url)('@photostructure/sqlite') as SqliteModule;
  } catch (cause) {
    throw unusable(
      'this runtime has no node:sqlite; install @photostructure/sqlite, use Node 22.13 or newer, or pass an open handle',
      cause,
    );
  }
}

function builtinSqlite(): unknown {
  const runtime = process as { getBuiltinModule?: (name: string) => unknown };
  return runtime.getBuiltinModule?.('node:sqlite');
}
