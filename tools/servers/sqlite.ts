/** The SQLite driver that tests and campaigns open files with: the one named by SQLITE_DRIVER, else Node's own, else the one that stands in for it. */
import { createRequire } from 'node:module';

/** What is needed of an open database. */
export interface TestHandle {
  exec(sql: string): unknown;
  prepare(sql: string): TestStatement;
  close(): void;
}

/** One of its statements. */
export interface TestStatement {
  run(...values: readonly unknown[]): unknown;
  get(...values: readonly unknown[]): unknown;
  all(...values: readonly unknown[]): unknown[];
}

type Open = new (path: string) => TestHandle;

function driver(): Open {
  const load = createRequire(import.meta.url);
  const named = process.env['SQLITE_DRIVER'];
  if (named !== undefined) return load(named) as Open;
  const runtime = process as { getBuiltinModule?: (name: string) => unknown };
  const found = runtime.getBuiltinModule?.('node:sqlite') ?? load('@photostructure/sqlite');
  return (found as { DatabaseSync: Open }).DatabaseSync;
}

/** Opens a file. */
export const TestDatabase: Open = driver();
