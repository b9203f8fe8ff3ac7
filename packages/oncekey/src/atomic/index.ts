/**
 * Databases for `once.atomic` and executors for `once.within`, one pair a library. No library
 * is imported: each is described by what is used of it.
 */
export type { AtomicDatabase } from './database.ts';
export type { Executor } from '../core/store.ts';
export { isConflict } from './conflict.ts';
export { drizzleDatabase, drizzleExecutor } from './drizzle.ts';
export type { DrizzleDatabase, DrizzleOptions, DrizzleSql, DrizzleTransaction } from './drizzle.ts';
export { transactionsOf } from './engine.ts';
export { knexDatabase, knexExecutor } from './knex.ts';
export type { KnexDatabase, KnexOptions, KnexTransaction } from './knex.ts';
export { kyselyDatabase, kyselyExecutor } from './kysely.ts';
export type { KyselyDatabase, KyselyOptions, KyselyTransaction } from './kysely.ts';
export { mysqlDatabase, mysqlExecutor } from './mysql.ts';
export type { MysqlAtomicConnection, MysqlAtomicOptions, MysqlAtomicPool, MysqlAtomicStatement } from './mysql.ts';
export { pgDatabase, pgExecutor } from './pg.ts';
export type { PgClient, PgOptions, PgPool, PgPoolClient } from './pg.ts';
export { postgresJsDatabase, postgresJsExecutor } from './postgres-js.ts';
export type { PostgresJsTag, PostgresJsTransaction } from './postgres-js.ts';
export { sqliteDatabase, sqliteExecutor } from './sqlite.ts';
export type { SqliteAtomicHandle, SqliteAtomicOptions } from './sqlite.ts';
export { typeormDatabase, typeormExecutor } from './typeorm.ts';
export type { TypeormDataSource, TypeormManager, TypeormOptions } from './typeorm.ts';
