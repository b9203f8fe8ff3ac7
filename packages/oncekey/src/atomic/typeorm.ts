/** Atomic mode over TypeORM, on any of its databases that the store speaks. */
import type { Executor } from '../core/store.ts';
import type { AtomicDatabase } from './database.ts';
import { isConflict } from './conflict.ts';
import { rowsOf } from './rows.ts';

/** What is used of an EntityManager or a QueryRunner. */
export interface TypeormManager {
  query(text: string, values?: (string | null)[]): Promise<unknown>;
}

type Isolation = 'READ COMMITTED' | 'REPEATABLE READ' | 'SERIALIZABLE';

/** What is used of a DataSource. */
export interface TypeormDataSource<Manager extends TypeormManager> {
  transaction<T>(isolation: Isolation, act: (manager: Manager) => Promise<T>): Promise<T>;
}

/** How transactions begin; default READ COMMITTED, which locks no gaps. */
export interface TypeormOptions {
  readonly isolation?: Isolation;
}

/** Runs statements through a manager (or query runner) whose transaction is open. */
export function typeormExecutor(manager: TypeormManager): Executor {
  return async (text, values) => rowsOf(await manager.query(text, [...values]));
}

/** The database behind a DataSource; `tx` is the transaction's EntityManager. */
export function typeormDatabase<Manager extends TypeormManager>(
  source: TypeormDataSource<Manager>,
  { isolation = 'READ COMMITTED' }: TypeormOptions = {},
): AtomicDatabase<Manager> {
  return {
    isConflict,
    transaction: (act) => source.transaction(isolation, (manager) => act(manager, typeormExecutor(manager))),
  };
}
