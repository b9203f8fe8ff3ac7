/** Atomic mode over Drizzle on PostgreSQL or MySQL. Drizzle's own `sql` has to be passed: only it makes its queries. */
import type { Executor } from '../core/store.ts';
import type { AtomicDatabase } from './database.ts';
import { isConflict } from './conflict.ts';
import { pieces } from './placeholders.ts';
import { rowsOf } from './rows.ts';

/** What is used of Drizzle's `sql`. */
export interface DrizzleSql<Query> {
  (texts: TemplateStringsArray, ...values: unknown[]): Query;
}

/** What is used of a transaction. */
export interface DrizzleTransaction<Query> {
  execute(query: Query): PromiseLike<unknown>;
}

type Isolation = 'read committed' | 'repeatable read' | 'serializable';

/** What is used of a database. */
export interface DrizzleDatabase<Tx> {
  transaction<T>(act: (tx: Tx) => Promise<T>, config?: { isolationLevel?: Isolation }): Promise<T>;
}

/** How transactions begin; default READ COMMITTED, which locks no gaps. */
export interface DrizzleOptions {
  readonly isolation?: Isolation;
}

/** Runs statements in a transaction that Drizzle has handed out. */
export function drizzleExecutor<Query>(tx: DrizzleTransaction<Query>, sql: DrizzleSql<Query>): Executor {
  return async (text, given) => {
    const { texts, values } = pieces(text, given);
    // Called as the tag that it is: the texts as they are, a bound value between each two.
    const template = Object.assign([...texts], { raw: texts }) as unknown as TemplateStringsArray;
    return rowsOf(await tx.execute(sql(template, ...values)));
  };
}

/** The database behind a Drizzle; `tx` is its transaction. */
export function drizzleDatabase<Query, Tx extends DrizzleTransaction<Query>>(
  db: DrizzleDatabase<Tx>,
  sql: DrizzleSql<Query>,
  { isolation = 'read committed' }: DrizzleOptions = {},
): AtomicDatabase<Tx> {
  return {
    isConflict,
    transaction: (act) => db.transaction((tx) => act(tx, drizzleExecutor(tx, sql)), { isolationLevel: isolation }),
  };
}
