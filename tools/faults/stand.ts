/**
 * What a store stands on, started for a test: its servers or its file, with the schema in place,
 * and the same place seen through a fault proxy. It opens no store.
 */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as mysql from 'oncekey/mysql';
import * as postgres from 'oncekey/postgres';
import mysql2 from 'mysql2/promise';
import pg from 'pg';
import { type FaultProxy, startFaultProxy } from '../servers/fault-proxy.ts';
import { startMariadb } from '../servers/mariadb.ts';
import { startPostgres } from '../servers/postgres.ts';
import { startRedis } from '../servers/redis.ts';
import type { Server } from '../servers/server.ts';
import type { Place } from './place.ts';

/** A place that is ready for use. */
export interface Stand {
  readonly place: Place;
  /** The server whose word counts; none for stores in a file or in memory. */
  readonly server?: Server;
  /** The one in front of it, of the tiered store. */
  readonly hot?: Server;
  /** The same place through a proxy of its own in front of `server`. */
  proxied?(): Promise<{ readonly place: Place; readonly proxy: FaultProxy }>;
  stop(): Promise<void>;
}

/** Stores that a stand can be started for. */
export type StandName = Place['store'];

/** Starts what the store `name` stands on; what it keeps is `within` that folder, by default the system's temporary one. */
export async function startStand(name: StandName, within?: string): Promise<Stand> {
  switch (name) {
    case 'memory':
      return { place: { store: 'memory' }, stop: async () => {} };
    case 'sqlite':
      return fileStand((folder) => ({ store: 'sqlite', path: join(folder, 'records.db') }), within);
    case 'json-file':
      // A file of its own for each look: only one store at a time may have it.
      return fileStand((folder) => ({ store: 'json-file', path: join(folder, `${randomUUID()}.json`) }), within);
    case 'postgres':
      return serverStand(await startMigratedPostgres(within), (url) => ({ store: 'postgres', url }));
    case 'mysql':
      return serverStand(await startMigratedMariadb(within), (url) => ({ store: 'mysql', url }));
    case 'redis':
      return serverStand(await startRedis({ within }), (url) => ({ store: 'redis', at: { url } }));
    case 'tiered':
      return tieredStand(within);
  }
}

/** PostgreSQL with the tables in it. */
export async function startMigratedPostgres(within?: string): Promise<Server> {
  const server = await startPostgres({ within });
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  await postgres.migrate(client);
  await client.end();
  return server;
}

async function startMigratedMariadb(within?: string): Promise<Server> {
  const server = await startMariadb({ within });
  const pool = mysql2.createPool(server.url);
  await mysql.migrate(pool);
  await pool.end();
  return server;
}

async function tieredStand(within?: string): Promise<Stand> {
  const [hot, durable] = await Promise.all([startRedis({ appendOnly: 'off' }), startMigratedPostgres(within)]);
  const stand = serverStand(durable, (url) => ({ store: 'tiered', url, hot: { url: hot.url } }));
  return {
    ...stand,
    hot,
    async stop() {
      await Promise.all([hot.stop(), durable.stop()]);
    },
  };
}

function serverStand(server: Server, placeAt: (url: string) => Place): Stand {
  return {
    place: placeAt(server.url),
    server,
    async proxied() {
      const proxy = await startFaultProxy(server);
      return { place: placeAt(proxy.through(server.url)), proxy };
    },
    stop: () => server.stop(),
  };
}

function fileStand(placeIn: (folder: string) => Place, within = tmpdir()): Stand {
  const folder = mkdtempSync(join(within, 'oncekey-faults-'));
  const stop = async (): Promise<void> => rmSync(folder, { recursive: true, force: true });
  return {
    get place() {
      return placeIn(folder);
    },
    stop,
  };
}
