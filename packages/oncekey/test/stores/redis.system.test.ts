/** Holds the Redis store to the contract on real servers: each client library on one server, through Sentinel and on a Cluster. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { redis } from '../../src/stores/redis.ts';
import type { Store } from '../../src/core/store.ts';
import { storeContract } from '../../src/testing/store-contract.ts';
import { startRedisCluster } from '../../../../tools/servers/redis-cluster.ts';
import { startRedisSentinel } from '../../../../tools/servers/redis-sentinel.ts';
import { startRedis } from '../../../../tools/servers/redis.ts';
import { serverForFile } from '../../../../tools/servers/server-for-file.ts';
import { storesUnderTest } from '../../../../tools/servers/stores-under-test.ts';
import { type Connected, connectAcross, connectThrough, connectTo, libraries } from './redis/clients.ts';

// Cases wait for leases to end; nothing is gained by doing so one after the other.
vi.setConfig({ maxConcurrency: 16 });

const withoutMessages = Object.fromEntries(
  ['watch-complete', 'watch-release', 'watch-ended', 'watch-two', 'watch-changes-nothing'].map((id) => [
    id,
    'a publication would go to every node; waiters go by their own looks',
  ]),
);

/** Runs the contract over a client that `connect` gives. */
function heldToContract(connect: () => Promise<Connected>, except: Readonly<Record<string, string>> = {}): void {
  let connected: Connected | undefined;
  let store: Store | undefined;
  beforeAll(async () => {
    connected = await connect();
    store = redis(connected.client);
  });
  afterAll(async () => {
    await store?.close?.();
    await connected?.close();
  });
  const open = async () => {
    if (store === undefined) throw new Error('the store is there in cases only');
    return { store, close: async () => {} };
  };
  it.concurrent.each(storeContract(open, { except }))('$id: $name', async ({ run, skip }) => {
    expect(await run()).toEqual(skip === undefined ? { kind: 'passed' } : { kind: 'skipped', reason: skip });
  });
}

describe.each(storesUnderTest(['redis']))('%s', () => {
  describe('on one server', () => {
    const server = serverForFile(() => startRedis({ appendOnly: 'off' }));
    describe.each(libraries)('by %s', (library) => {
      heldToContract(() => connectTo(library, server().url));
    });
  });

  describe('through Sentinel', () => {
    const sentinel = serverForFile(startRedisSentinel);
    describe.each(['ioredis', 'node-redis'] as const)('by %s', (library) => {
      heldToContract(() => connectThrough(library, sentinel()));
    });
  });

  describe('on a Cluster', () => {
    const cluster = serverForFile(startRedisCluster);
    describe.each(libraries)('by %s', (library) => {
      heldToContract(() => connectAcross(library, cluster().url), withoutMessages);

      it('has no watch: a publication would go to every node', async () => {
        const { client, close } = await connectAcross(library, cluster().url);
        expect(redis(client).watch).toBeUndefined();
        await close();
      });
    });
  });
});
