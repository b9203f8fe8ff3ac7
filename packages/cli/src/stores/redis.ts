/**
 * Redis by a URL: `redis://user:password@host:port/database`, `rediss://…` over TLS, and
 * `redis+cluster://user:password@host:port,host:port`, each with `?prefix=` for other keys than by default and
 * `?eviction=allowed` for a server that may forget. The password stays out of what is said.
 */
import { Cluster, Redis } from 'ioredis';
import type { Store } from 'oncekey';
import { redis, type RedisStore } from 'oncekey/redis';
import type { HotStore } from 'oncekey/tiered';

/** What a URL names, before anything is connected. */
interface Target {
  readonly nodes: readonly { readonly host: string; readonly port: number }[];
  readonly isCluster: boolean;
  readonly options: ClientOptions;
  readonly prefix: string | undefined;
  readonly allowEviction: boolean;
}

interface Connection {
  readonly store: RedisStore;
  readonly client: Redis | Cluster;
  /** Why the connection failed last, if it did. */
  reason(): Error | undefined;
}

interface ClientOptions {
  readonly lazyConnect: true;
  readonly connectTimeout: number;
  readonly maxRetriesPerRequest: number;
  readonly enableOfflineQueue?: boolean;
  readonly username?: string;
  readonly password?: string;
  readonly db?: number;
  readonly tls?: object;
}

const form = /^(redis|rediss|redis\+cluster):\/\/(?:([^:@/]*)(?::([^@/]*))?@)?([^/?]+)(?:\/(\d*))?(?:\?(.*))?$/i;
const defaultPort = 6379;

const everyClient: ClientOptions = {
  lazyConnect: true,
  connectTimeout: 5000,
  // A call whose connection broke is sent once more, with its own token; then its caller is told.
  maxRetriesPerRequest: 1,
};

const retryStrategy = (times: number): number => Math.min(times * 50, 500);

/** A store with a connection of its own, checked; `close` ends it. */
export async function openRedis(url: string): Promise<Store> {
  const { store, client, reason } = connectionFor(targetOf(url));
  try {
    await client.connect();
    await store.check();
    return store;
  } catch (error) {
    client.disconnect();
    throw reasonBehind(error, reason());
  }
}

/**
 * The same for a store in front of another one: a server that may evict is welcome, a call without a connection fails
 * at once, and one that cannot be reached now is connected to when it can. `problem` is what is wrong with it now.
 */
export async function openHotRedis(url: string): Promise<{ readonly store: HotStore; readonly problem: unknown }> {
  const target = targetOf(url);
  const options = { ...target.options, maxRetriesPerRequest: 0, enableOfflineQueue: false };
  const { store, client, reason } = connectionFor({ ...target, options, allowEviction: true });
  try {
    await client.connect();
    await store.check();
    return { store, problem: undefined };
  } catch (error) {
    return { store, problem: reasonBehind(error, reason()) };
  }
}

function connectionFor({ nodes, isCluster, options, prefix, allowEviction }: Target): Connection {
  const [first] = nodes;
  const { enableOfflineQueue = true } = options;
  const client = isCluster
    ? new Cluster([...nodes], { redisOptions: options, lazyConnect: true, enableOfflineQueue })
    : new Redis({ ...options, ...first, retryStrategy });
  let reason: Error | undefined;
  // Calls are told what is wrong with the connection; the start tells the reason behind.
  client.on('error', (error: Error) => (reason = error));
  const store = redis(client, { allowEviction, ...(prefix !== undefined && { prefix }) });
  const close = async (): Promise<void> => {
    await store.close();
    client.disconnect();
  };
  return { client, reason: () => reason, store: { ...store, close } };
}

// ioredis tells that the connection is closed, and in an event why; of the nodes of a cluster not even that.
function reasonBehind(error: unknown, reason: Error | undefined): unknown {
  if (!(error instanceof Error) || error.message.startsWith('[store_')) return error;
  const told = reason ?? error;
  const behind = 'lastNodeError' in told && told.lastNodeError instanceof Error ? told.lastNodeError : told;
  if (behind.message !== 'Connection is closed.') return behind;
  return new Error('none of its addresses can be reached', { cause: behind });
}

function targetOf(url: string): Target {
  const [, scheme = '', user = '', password = '', hosts = '', database = '', query = ''] = form.exec(url) ?? [];
  if (hosts === '') throw new Error('it must be redis://HOST:PORT, rediss://HOST:PORT or redis+cluster://HOST:PORT,…');
  const isCluster = scheme.toLowerCase() === 'redis+cluster';
  if (!isCluster && hosts.includes(',')) throw new Error('several hosts are a cluster: redis+cluster://');
  if (isCluster && database !== '' && database !== '0') throw new Error('a cluster has no databases but 0');
  const asked = new URLSearchParams(query);
  for (const name of asked.keys()) {
    if (name !== 'prefix' && name !== 'eviction')
      throw new Error(`?${name}= is unknown; there are prefix and eviction`);
  }
  return {
    nodes: hosts.split(',').map(addressOf),
    isCluster,
    prefix: asked.get('prefix') ?? undefined,
    allowEviction: asked.get('eviction') === 'allowed',
    options: {
      ...everyClient,
      ...(user !== '' && { username: decodeURIComponent(user) }),
      ...(password !== '' && { password: decodeURIComponent(password) }),
      ...(database !== '' && { db: Number(database) }),
      ...(scheme.toLowerCase() === 'rediss' && { tls: {} }),
    },
  };
}

function addressOf(text: string): { host: string; port: number } {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined) throw new Error(`${JSON.stringify(text)} is not HOST:PORT`);
  return { host, port: digits === undefined ? defaultPort : Number(digits) };
}
