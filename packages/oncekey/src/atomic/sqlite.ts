/**
 * Atomic mode over a handle of `better-sqlite3` or `node:sqlite`. Give it a handle of its own:
 * whatever else runs on the handle while a transaction is open is part of that transaction.
 * Transactions of one handle go one after the other; another process that writes is waited
 * for without holding up the event loop.
 */
import { randomInt } from 'node:crypto';
import { systemClock } from '../core/clock.ts';
import { pause } from '../core/guard.ts';
import { ownedHere } from '../core/work.ts';
import type { Executor } from '../core/store.ts';
import type { AtomicDatabase } from './database.ts';
import { isConflict } from './conflict.ts';

/** What is used of a handle. */
export interface SqliteAtomicHandle {
  exec(text: string): unknown;
  prepare(text: string): { all(...values: (string | null)[]): unknown[] };
}

/** How long others are waited for. */
export interface SqliteAtomicOptions {
  /** Until another process lets the database be written to; default 2000 ms, then the driver's busy error. */
  readonly busyTimeoutMs?: number;
}

/** Runs statements on a handle whose transaction the caller has begun, best by BEGIN IMMEDIATE. */
export function sqliteExecutor(handle: SqliteAtomicHandle): Executor {
  return async (text, values) => handle.prepare(text).all(...values) as object[];
}

/** The database behind a handle; `tx` is the handle. A transaction inside of another is refused with a TypeError. */
export function sqliteDatabase<Handle extends SqliteAtomicHandle>(
  handle: Handle,
  { busyTimeoutMs = 2000 }: SqliteAtomicOptions = {},
): AtomicDatabase<Handle> {
  let last: Promise<unknown> = Promise.resolve();
  const transact = async <T>(act: (tx: Handle, execute: Executor) => Promise<T>): Promise<T> => {
    await begin(handle, busyTimeoutMs);
    try {
      const result = await act(handle, sqliteExecutor(handle));
      handle.exec('COMMIT');
      return result;
    } catch (error) {
      rollBack(handle);
      throw error;
    }
  };
  return {
    isConflict: (error) => isConflict(error) || isBusy(error),
    transaction(act) {
      // It would wait for the one that waits for it.
      if (ownedHere(({ work }) => work.tx === handle) !== undefined) return Promise.reject(inside());
      const mine = last.then(() => transact(act));
      last = mine.catch(() => undefined);
      return mine;
    },
  };
}

function inside(): TypeError {
  return new TypeError(
    'atomic: this handle is inside a transaction of this work already; join it: once.within(sqliteExecutor(tx), …)',
  );
}

async function begin(handle: SqliteAtomicHandle, busyTimeoutMs: number): Promise<void> {
  const untilMs = systemClock.monotonicMs() + busyTimeoutMs;
  for (;;) {
    try {
      withoutWaiting(handle, () => handle.exec('BEGIN IMMEDIATE'));
      return;
    } catch (error) {
      if (!isBusy(error) || systemClock.monotonicMs() >= untilMs) throw error;
      await pause(systemClock, randomInt(1, 10));
    }
  }
}

// SQLite's own waiting stands the event loop still.
function withoutWaiting(handle: SqliteAtomicHandle, act: () => unknown): void {
  const [{ timeout = 0 } = {}] = handle.prepare('PRAGMA busy_timeout').all() as { timeout?: number }[];
  handle.exec('PRAGMA busy_timeout = 0');
  try {
    act();
  } finally {
    handle.exec(`PRAGMA busy_timeout = ${timeout}`);
  }
}

function isBusy(error: unknown): boolean {
  const { code, errcode, message } = (error ?? {}) as { code?: unknown; errcode?: unknown; message?: unknown };
  return code === 'SQLITE_BUSY' || errcode === 5 || /database is locked/.test(String(message));
}

function rollBack(handle: SqliteAtomicHandle): void {
  try {
    handle.exec('ROLLBACK');
  } catch {
    // SQLite has ended the transaction by itself, as it does on a full disk; the first error is what matters.
  }
}
