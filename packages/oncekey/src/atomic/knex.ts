/** Atomic mode over Knex, on any of its databases that the store speaks. */
import type { Executor } from '../core/store.ts';
import type { AtomicDatabase } from './database.ts';
import { isConflict } from './conflict.ts';
import { pieces } from './placeholders.ts';
import { rowsOf } from './rows.ts';

/** What is used of a transaction. */
export interface KnexTransaction {
  raw(text: string, values: readonly (string | null)[]): PromiseLike<unknown>;
}

type Isolation = 'read committed' | 'repeatable read' | 'serializable';

/** What is used of a Knex. */
export interface KnexDatabase<Tx extends KnexTransaction> {
  transaction<T>(act: (tx: Tx) => Promise<T>, config?: { isolationLevel?: Isolation }): Promise<T>;
}

/** How transactions begin; default READ COMMITTED, which locks no gaps. */
export interface KnexOptions {
  readonly isolation?: Isolation | 'as it is';
}

/** Runs statements in a transaction that Knex has handed out. */
export function knexExecutor(tx: KnexTransaction): Executor {
  return async (text, given) => {
    const { texts, values } = pieces(text, given);
    return rowsOf(await tx.raw(texts.join('?'), values));
  };
}

/** The database behind a Knex; `tx` is its transaction. SQLite takes `as it is`: it has no levels. */
export function knexDatabase<Tx extends KnexTransaction>(
  knex: KnexDatabase<Tx>,
  { isolation = 'read committed' }: KnexOptions = {},
): AtomicDatabase<Tx> {
  const config = isolation === 'as it is' ? {} : { isolationLevel: isolation };
  return { isConflict, transaction: (act) => knex.transaction((tx) => act(tx, knexExecutor(tx)), config) };
}
