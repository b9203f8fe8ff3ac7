/** Every client that the store takes, of its own library, connected in every way that it is used: alone, through Sentinel, as a Cluster. */
import { Cluster, Redis } from 'ioredis';
import { Cluster as ValkeyCluster, Redis as Valkey } from 'iovalkey';
import { createClient, createCluster, createSentinel } from 'redis';
import type { RedisClient } from '../../../src/stores/redis.ts';
import type { RedisSentinel } from '../../../../../tools/servers/redis-sentinel.ts';

/** A connected client and its end. */
export interface Connected {
  readonly client: RedisClient;
  close(): Promise<void>;
}

/** The three libraries. */
export const libraries = ['ioredis', 'iovalkey', 'node-redis'] as const;

/** One of the three libraries. */
export type Library = (typeof libraries)[number];

/** The same client, whose errors are heard: what goes wrong on a connection is what the calls are told. */
export const hearErrors = <T extends { on(event: 'error', listener: () => void): unknown }>(client: T): T => {
  client.on('error', () => {});
  return client;
};

/** A client of one server. */
export async function connectTo(
  library: Library,
  url: string,
  options: { keyPrefix?: string } = {},
): Promise<Connected> {
  if (library === 'node-redis') {
    const client = hearErrors(createClient({ url, ...options }));
    await client.connect();
    return { client, close: async () => client.destroy() };
  }
  const client = hearErrors(library === 'ioredis' ? new Redis(url, options) : new Valkey(url, options));
  return { client, close: async () => client.disconnect() };
}

/** A client that asks Sentinels for the primary. */
export async function connectThrough(library: Library, sentinel: RedisSentinel): Promise<Connected> {
  const { name } = sentinel;
  const sentinels = sentinel.sentinels.map(({ host, port }) => ({ host, port }));
  if (library === 'node-redis') {
    const client = hearErrors(createSentinel({ name, sentinelRootNodes: sentinels }));
    await client.connect();
    return { client, close: async () => client.destroy() };
  }
  const options = { sentinels, name };
  const client = hearErrors(library === 'ioredis' ? new Redis(options) : new Valkey(options));
  return { client, close: async () => client.disconnect() };
}

/** A client of a cluster, by its `redis+cluster://` address. */
export async function connectAcross(library: Library, url: string): Promise<Connected> {
  const nodes = url
    .replace('redis+cluster://', '')
    .split(',')
    .map((address) => ({ host: address.split(':')[0] ?? '', port: Number(address.split(':')[1]) }));
  if (library === 'node-redis') {
    const rootNodes = nodes.map(({ host, port }) => ({ url: `redis://${host}:${port}` }));
    const client = hearErrors(createCluster({ rootNodes }));
    await client.connect();
    return { client, close: async () => client.destroy() };
  }
  const client = hearErrors(library === 'ioredis' ? new Cluster(nodes) : new ValkeyCluster(nodes));
  return { client, close: async () => client.disconnect() };
}
