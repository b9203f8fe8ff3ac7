/** A private MariaDB for one test file, and pools of both clients on it; all are gone when its tests are over. */
import mariadb from 'mariadb';
import mysql2 from 'mysql2/promise';
import { afterAll } from 'vitest';
import { type MariadbOptions, startMariadb } from '../../../../../tools/servers/mariadb.ts';
import type { Server } from '../../../../../tools/servers/server.ts';
import { serverForFile } from '../../../../../tools/servers/server-for-file.ts';
import type { MysqlPool } from '../../../src/stores/mysql.ts';

/** A client by its name. */
export type ClientName = 'mysql2' | 'mariadb';

/** Settings beyond the address; each client has its own names for some. */
export type PoolSettings = Readonly<Record<string, string | number | boolean>>;

/** The server, and how a test comes by pools. */
export interface TestServer {
  readonly server: () => Server;
  /** A pool of this client, on the server or at another port. */
  readonly pool: (client: ClientName, settings?: PoolSettings) => MysqlPool;
}

/** Starts MariaDB for the file, without syncing unless told otherwise, or what `start` starts. */
export function mysqlServer(
  options: MariadbOptions = { flushLogAtCommit: 0 },
  start: () => Promise<Server> = () => startMariadb(options),
): TestServer {
  // Hooks at the end run in reverse order: pools are registered later, and so end first.
  const server = serverForFile(start);
  const open: { end(): Promise<unknown> }[] = [];
  afterAll(async () => {
    await Promise.all(open.splice(0).map((pool) => pool.end()));
  });
  const pool = (client: ClientName, settings: PoolSettings = {}): MysqlPool => {
    const address = { host: '127.0.0.1', port: server().port, user: 'root', database: 'oncekey', ...settings };
    const made = client === 'mysql2' ? mysql2.createPool(address) : mariadb.createPool(address);
    open.push(made);
    return made;
  };
  return { server, pool };
}
