/**
 * PostgreSQL by a URL: `postgres://user:password@host:port/database`, with `?schema=` and
 * `?table=` for tables elsewhere than by default; all else in the query is the driver's.
 * The password stays out of what is said.
 */
import type { Store } from 'oncekey';
import { postgres, type PostgresPool, type TableOptions } from 'oncekey/postgres';
import pg from 'pg';

/** A pool with the place of the tables. */
export interface PostgresTarget {
  readonly pool: pg.Pool & PostgresPool;
  readonly tables: TableOptions;
}

const connectTimeoutMs = 5000;

/** The place of the tables that the URL names. */
export function tablesOf(url: string): TableOptions {
  const { searchParams } = new URL(url);
  const [schema, table] = [searchParams.get('schema'), searchParams.get('table')];
  return { ...(schema !== null && { schema }), ...(table !== null && { table }) };
}

/** A pool; nothing is connected yet. */
export function targetOf(url: string): PostgresTarget {
  const tables = tablesOf(url);
  const forDriver = new URL(url);
  forDriver.searchParams.delete('schema');
  forDriver.searchParams.delete('table');
  const pool = new pg.Pool({
    connectionString: forDriver.href,
    application_name: 'oncekey',
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
  });
  // A resting connection that breaks is replaced at the next call, which tells if it cannot be.
  pool.on('error', () => undefined);
  return { pool, tables };
}

/** A store with connections of its own, checked and never migrated; `close` ends them. */
export async function openPostgres(url: string): Promise<Store> {
  const { pool, tables } = targetOf(url);
  try {
    const store = postgres(pool, tables);
    await store.check();
    return {
      ...store,
      async close() {
        await store.close();
        await pool.end();
      },
    };
  } catch (error) {
    await pool.end();
    throw error;
  }
}
