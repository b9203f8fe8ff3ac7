/** Atomic mode over Kysely, on any of its databases that the store speaks. */
import type { Executor } from '../core/store.ts';
import type { AtomicDatabase } from './database.ts';
import { isConflict } from './conflict.ts';

interface CompiledText {
  readonly sql: string;
  readonly parameters: readonly (string | null)[];
  readonly query: {
    readonly kind: 'RawNode';
    readonly sqlFragments: readonly string[];
    readonly parameters: readonly [];
  };
  readonly queryId: { readonly queryId: string };
}

/** What is used of a transaction. */
export interface KyselyTransaction {
  executeQuery(query: CompiledText): Promise<{ readonly rows: unknown[] }>;
  /** The same transaction; plugins rename columns and change values. */
  withoutPlugins?(): KyselyTransaction;
}

interface KyselyBuilder<Tx> {
  setIsolationLevel(level: 'read committed' | 'repeatable read' | 'serializable'): KyselyBuilder<Tx>;
  execute<T>(act: (tx: Tx) => Promise<T>): Promise<T>;
}

/** What is used of a Kysely. */
export interface KyselyDatabase<Tx extends KyselyTransaction> {
  transaction(): KyselyBuilder<Tx>;
}

/** How transactions begin; default READ COMMITTED, which locks no gaps. */
export interface KyselyOptions {
  readonly isolation?: 'read committed' | 'repeatable read' | 'serializable' | 'as it is';
}

/** Runs statements in a transaction that Kysely has handed out. */
export function kyselyExecutor(tx: KyselyTransaction): Executor {
  const plain = tx.withoutPlugins?.() ?? tx;
  return async (sql, parameters) => {
    const query = { kind: 'RawNode', sqlFragments: [sql], parameters: [] } as const;
    const { rows } = await plain.executeQuery({ sql, parameters, query, queryId: { queryId: 'oncekey' } });
    return rows as object[];
  };
}

/** The database behind a Kysely; `tx` is its transaction. SQLite takes `as it is`: it has no levels. */
export function kyselyDatabase<Tx extends KyselyTransaction>(
  db: KyselyDatabase<Tx>,
  { isolation = 'read committed' }: KyselyOptions = {},
): AtomicDatabase<Tx> {
  return {
    isConflict,
    transaction: (act) => {
      const begun = db.transaction();
      const levelled = isolation === 'as it is' ? begun : begun.setIsolationLevel(isolation);
      return levelled.execute((tx) => act(tx, kyselyExecutor(tx)));
    },
  };
}
