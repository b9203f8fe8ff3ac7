/**
 * MySQL or MariaDB by a URL: `mysql://user:password@host:port/database`, with `?table=` for
 * another table than by default; all else in the query is the driver's. The password stays
 * out of what is said.
 */
import { createPool, type Pool } from 'mysql2/promise';
import type { Store } from 'oncekey';
import { mysql, type TableOptions } from 'oncekey/mysql';

/** A pool with the place of the table. */
export interface MysqlTarget {
  readonly pool: Pool;
  readonly tables: TableOptions;
}

const connectTimeoutMs = 5000;

/** The place of the table that the URL names. */
export function tablesOf(url: string): TableOptions {
  const table = new URL(url).searchParams.get('table');
  return table === null ? {} : { table };
}

/** A pool; nothing is connected yet. */
export function targetOf(url: string): MysqlTarget {
  const forDriver = new URL(url);
  forDriver.searchParams.delete('table');
  const pool = createPool({ uri: forDriver.href, connectTimeout: connectTimeoutMs, enableKeepAlive: true });
  return { pool, tables: tablesOf(url) };
}

/** A store with connections of its own, checked and never migrated; `close` ends them. */
export async function openMysql(url: string): Promise<Store> {
  const { pool, tables } = targetOf(url);
  try {
    const store = mysql(pool, tables);
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
