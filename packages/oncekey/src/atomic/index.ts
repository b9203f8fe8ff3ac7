/**
 * Databases for `once.atomic` and executors for `once.within`, one pair a library. No library
 * is imported: each is described by what is used of it.
 */
export type { AtomicDatabase } from '../operations/atomic-database.ts';
export type { Executor } from '../core/store.ts';
export { pgDatabase, pgExecutor } from './pg.ts';
export type { PgClient, PgOptions, PgPool, PgPoolClient } from './pg.ts';
