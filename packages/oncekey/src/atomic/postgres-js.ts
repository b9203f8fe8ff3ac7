/** Atomic mode over porsager's `postgres`. */
import type { Executor } from '../core/store.ts';
import type { AtomicDatabase } from './database.ts';
import { isConflict } from './conflict.ts';

/** What is used of the tag inside a transaction. */
export interface PostgresJsTransaction {
  unsafe(text: string, values?: (string | null)[]): PromiseLike<readonly object[]>;
}

/** What is used of the tag. */
export interface PostgresJsTag<Tx extends PostgresJsTransaction> {
  begin: { (options: string, act: (tx: Tx) => Promise<unknown>): Promise<unknown> };
}

/** Runs statements in the transaction that `sql.begin` has handed out. */
export function postgresJsExecutor(tx: PostgresJsTransaction): Executor {
  return async (text, values) => tx.unsafe(text, [...values]);
}

/** The database behind the tag; `tx` is the tag of the transaction. `options` is what follows BEGIN, such as `isolation level serializable`. */
export function postgresJsDatabase<Tx extends PostgresJsTransaction>(
  sql: PostgresJsTag<Tx>,
  options: string = '',
): AtomicDatabase<Tx> {
  return {
    isConflict,
    transaction: <T>(act: (tx: Tx, execute: Executor) => Promise<T>) =>
      sql.begin(options, (tx) => act(tx, postgresJsExecutor(tx))) as Promise<T>,
  };
}
