/**
 * A primary that dies, under Sentinel and in a Cluster: calls meanwhile end in an answer or
 * a defined error, and the promoted replica serves, with the script loaded anew. That the
 * last writes may be lost with the primary is Redis's own limit and is counted elsewhere.
 */
import { afterAll, describe, expect, it } from 'vitest';
import type { ClaimAsk } from '../../src/core/store.ts';
import { redis, type RedisStore } from '../../src/stores/redis.ts';
import { startRedisCluster } from '../../../../tools/servers/redis-cluster.ts';
import { startRedisSentinel } from '../../../../tools/servers/redis-sentinel.ts';
import { redisCommand } from '../../../../tools/servers/redis.ts';
import { serverForFile } from '../../../../tools/servers/server-for-file.ts';
import { storesUnderTest } from '../../../../tools/servers/stores-under-test.ts';
import { answerOf, askFor, errorOf, keyOf } from './redis/asks.ts';
import { connectAcross, connectThrough, connectTo, libraries, type Connected } from './redis/clients.ts';

const retentionMs = 86_400_000;
const opened: Connected[] = [];

async function storeOver(connecting: Promise<Connected>, prefix = 'oncekey:'): Promise<RedisStore> {
  const connected = await connecting;
  opened.push(connected);
  return redis(connected.client, { timeoutMs: 1000, prefix });
}

afterAll(async () => {
  await Promise.all(opened.map(({ close }) => close()));
});

async function finished(store: RedisStore): Promise<ClaimAsk> {
  const ask = askFor();
  await store.claim(ask);
  await store.complete({ ...ask, outcome: answerOf(300), retentionMs });
  return ask;
}

/** Claims one key after the other until told to stop; what every claim came to. */
function claimOn(store: RedisStore): { stop(): Promise<string[]> } {
  let running = true;
  const results: string[] = [];
  const work = (async () => {
    while (running) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other is the point
      const result = await store.claim(askFor()).then(
        ({ kind }) => kind,
        (error: unknown) => (error instanceof Error ? 'failed' : 'odd'),
      );
      results.push(result);
    }
  })();
  return {
    async stop() {
      running = false;
      await work;
      return results;
    },
  };
}

async function servesAgain(store: RedisStore, done: ClaimAsk): Promise<void> {
  const claim = async (): Promise<string> => (await store.claim({ ...done, token: 'other' })).kind;
  await expect.poll(() => claim().catch(String), { timeout: 20_000 }).toBe('completed');
  await expect.poll(() => store.claim(askFor()).then(({ kind }) => kind, String), { timeout: 20_000 }).toBe('granted');
}

describe.each(storesUnderTest(['redis']))('%s', () => {
  it('goes on at the promoted replica when Sentinel fails over, by each client', async () => {
    const sentinel = await startRedisSentinel();
    try {
      const stores = await Promise.all(libraries.map((library) => storeOver(connectThrough(library, sentinel))));
      const done = await Promise.all(stores.map(finished));
      await redisCommand(await sentinel.primaryPort(), ['wait', '1', '1000']);
      const claiming = stores.map(claimOn);
      const port = await sentinel.primaryPort();
      await sentinel.servers.find((server) => server.port === port)?.kill();
      await sentinel.failedOver(port);
      await Promise.all(stores.map((store, index) => servesAgain(store, done[index] ?? askFor())));
      for (const { stop } of claiming) {
        // oxlint-disable-next-line no-await-in-loop
        const results = await stop();
        expect(new Set(results)).toEqual(new Set(['granted', 'failed']));
      }
      await Promise.all(stores.map((store) => store.check()));
    } finally {
      await Promise.all(opened.splice(0).map(({ close }) => close()));
      await sentinel.stop();
    }
  });

  describe('in a Cluster', () => {
    const cluster = serverForFile(startRedisCluster);

    it.each(libraries)('grants one of 64 claims of one key, and fails a poisoned key alone, by %s', async (library) => {
      const store = await storeOver(connectAcross(library, cluster().url));
      const poisoned = await finished(store);
      const raw = await connectAcross('ioredis', cluster().url);
      opened.push(raw);
      await (raw.client as { callBuffer(...args: unknown[]): Promise<unknown> }).callBuffer(
        'setrange',
        keyOf(poisoned),
        0,
        '3',
      );
      const failed = errorOf(store.claim({ ...poisoned, token: 'other' }));
      const rivals = await Promise.all(Array.from({ length: 64 }, () => store.claim(askFor(`storm-${library}`))));
      expect(rivals.filter(({ kind }) => kind === 'granted')).toHaveLength(1);
      expect(await failed).toMatchObject({ code: 'record_unreadable' });
      await store.check();
    });

    it('tells a client of one node to connect as a cluster', async () => {
      const store = await storeOver(connectTo('ioredis', cluster().nodes[0]?.url ?? ''));
      const errors = await Promise.all(
        Array.from({ length: 20 }, () => store.claim(askFor()).catch((error: unknown) => error)),
      );
      const moved = errors.filter((error) => error instanceof Error);
      expect(moved.length).toBeGreaterThan(0);
      for (const error of moved) expect(String(error)).toMatch(/connect a cluster client/);
    });

    it('goes on when a primary dies, by each client', async () => {
      // A tag in the prefix puts all of them on the node that dies.
      const prefix = '{doomed}:';
      const stores = await Promise.all(
        libraries.map((library) => storeOver(connectAcross(library, cluster().url), prefix)),
      );
      const done = await Promise.all(stores.map(finished));
      const primary = await cluster().primaryOf(prefix);
      await redisCommand(primary.port, ['wait', '1', '1000']);
      const claiming = stores.map(claimOn);
      await primary.kill();
      await cluster().failedOver(prefix, primary);
      await Promise.all(stores.map((store, index) => servesAgain(store, done[index] ?? askFor())));
      for (const { stop } of claiming) {
        // oxlint-disable-next-line no-await-in-loop
        expect(new Set(await stop())).toEqual(new Set(['granted', 'failed']));
      }
    });
  });
});
