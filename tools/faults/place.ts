/**
 * Where a store keeps its records, as data that can be sent to another process, and how such a
 * store is opened there with the client that a user would take. It stands on the built library.
 */
import type { Cluster, Redis } from 'ioredis';
import { memory, type Store } from 'oncekey';
import type { HotStore } from 'oncekey/tiered';

interface Address {
  readonly host: string;
  readonly port: number;
}

/** One server, a watched pair, or a cluster. */
export type RedisAddress =
  | { readonly url: string }
  | { readonly sentinels: readonly Address[]; readonly name: string }
  | { readonly nodes: readonly Address[] };

/** A store and its address; `url` is the one whose word counts. */
export type Place =
  | { readonly store: 'memory' }
  | { readonly store: 'sqlite' | 'json-file'; readonly path: string }
  | { readonly store: 'postgres' | 'mysql'; readonly url: string }
  | { readonly store: 'redis'; readonly at: RedisAddress }
  | { readonly store: 'tiered'; readonly url: string; readonly hot: RedisAddress };

/** A store with the connection below it. */
export interface OpenPlace {
  readonly store: Store;
  /** Closes store and connection. */
  close(): Promise<void>;
}

/** Opens the store of `place`, loading its client alone: workers start by the dozen. */
export async function openPlace(place: Place): Promise<OpenPlace> {
  switch (place.store) {
    case 'memory':
      return { store: memory(), close: async () => {} };
    case 'sqlite':
      return openSqlite(place.path);
    case 'json-file':
      return openJsonFile(place.path);
    case 'postgres':
      return openPostgres(place.url);
    case 'mysql':
      return openMysql(place.url);
    case 'redis':
      return openRedis(place.at);
    case 'tiered':
      return openTiered(place.url, place.hot);
  }
}

async function openSqlite(path: string): Promise<OpenPlace> {
  const { sqlite } = await import('oncekey/sqlite');
  const store = sqlite(path, { busyTimeoutMs: 5000 });
  return { store, close: async () => store.close() };
}

async function openJsonFile(path: string): Promise<OpenPlace> {
  const { jsonFile } = await import('oncekey/json-file');
  const store = jsonFile(path);
  return { store, close: async () => store.close?.() };
}

async function openPostgres(url: string): Promise<OpenPlace> {
  const [{ postgres }, { default: pg }] = await Promise.all([import('oncekey/postgres'), import('pg')]);
  const pool = new pg.Pool({ connectionString: url, max: 10 });
  // An idle connection that breaks says so here; without a listener it would end the process.
  pool.on('error', () => {});
  return { store: postgres(pool), close: () => pool.end() };
}

async function openMysql(url: string): Promise<OpenPlace> {
  const [{ mysql }, { default: mysql2 }] = await Promise.all([import('oncekey/mysql'), import('mysql2/promise')]);
  const pool = mysql2.createPool({ uri: url, connectionLimit: 10 });
  // A connection that was cut cannot say goodbye; the pool is closed all the same.
  return { store: mysql(pool), close: () => pool.end().catch(() => {}) };
}

async function openRedis(at: RedisAddress): Promise<OpenPlace> {
  const { redis } = await import('oncekey/redis');
  const client = await redisClient(at);
  // The client connects again by itself; the calls that failed meanwhile have told.
  client.on('error', () => {});
  const store = redis(client);
  return {
    store,
    async close() {
      await store.close?.();
      client.disconnect();
    },
  };
}

async function redisClient(at: RedisAddress): Promise<Redis | Cluster> {
  const { Cluster, Redis } = await import('ioredis');
  const soon = (): number => 50;
  if ('url' in at) return new Redis(at.url, { retryStrategy: soon });
  if ('sentinels' in at) {
    const sentinels = [...at.sentinels];
    return new Redis({ sentinels, name: at.name, retryStrategy: soon, sentinelRetryStrategy: soon });
  }
  return new Cluster([...at.nodes], { clusterRetryStrategy: soon, redisOptions: { connectTimeout: 1000 } });
}

async function openTiered(url: string, hot: RedisAddress): Promise<OpenPlace> {
  const { tiered } = await import('oncekey/tiered');
  const [above, below] = [await openRedis(hot), await openPostgres(url)];
  // The Redis store has all that a hot one needs.
  const store = tiered(above.store as HotStore, below.store);
  return {
    store,
    async close() {
      await above.close();
      await below.close();
    },
  };
}
