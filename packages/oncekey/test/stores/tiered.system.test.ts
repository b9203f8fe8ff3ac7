/** Redis in front of PostgreSQL, on real servers: the contract, a hot store that is cut off, emptied and killed, and no second run (I12, I1). */
import { Redis } from 'ioredis';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startFaultProxy, type FaultProxy } from '../../../../tools/servers/fault-proxy.ts';
import { startPostgres } from '../../../../tools/servers/postgres.ts';
import { startRedis } from '../../../../tools/servers/redis.ts';
import { serverForFile } from '../../../../tools/servers/server-for-file.ts';
import { storesUnderTest } from '../../../../tools/servers/stores-under-test.ts';
import type { Store } from '../../src/core/store.ts';
import { migrate, postgres } from '../../src/stores/postgres.ts';
import { redis } from '../../src/stores/redis.ts';
import { tiered, type HotChange } from '../../src/stores/tiered.ts';
import { storeContract } from '../../src/testing/store-contract.ts';
import { answerOf, askFor } from './sqlite/folder.ts';

// Cases wait for leases to end; nothing is gained by doing so one after the other.
vi.setConfig({ maxConcurrency: 30 });

/** A client that fails at once when it is not connected, as a hot store's should. */
function hotClient(url: string): Redis {
  const client = new Redis(url, { maxRetriesPerRequest: 0, enableOfflineQueue: false, retryStrategy: () => 50 });
  // What is wrong is told to the calls.
  client.on('error', () => undefined);
  return client;
}

describe.each(storesUnderTest(['tiered']))('%s', () => {
  const hotServer = serverForFile(() => startRedis({ appendOnly: 'off' }));
  const durableServer = serverForFile(() => startPostgres({ fsync: false }));
  let pool: pg.Pool;
  let client: Redis;
  let proxy: FaultProxy;
  let durable: Store;

  beforeAll(async () => {
    pool = new pg.Pool({ connectionString: durableServer().url });
    await migrate(pool);
    durable = postgres(pool);
    proxy = await startFaultProxy({ port: hotServer().port });
    client = hotClient(proxy.through(hotServer().url));
    await client.ping().catch(() => new Promise((resolve) => client.once('ready', resolve)));
  });

  afterAll(async () => {
    client.disconnect();
    await durable.close?.();
    await pool.end();
    await proxy.stop();
  });

  describe('the contract', () => {
    const open = async () => ({ store: tiered(redis(client), durable), close: async () => {} });
    it.concurrent.each(storeContract(open))('$id: $name', async ({ run }) => {
      expect(await run()).toEqual({ kind: 'passed' });
    });
  });

  it('a replay is answered by Redis alone', async () => {
    const store = tiered(redis(client), durable);
    const ask = askFor('replayed');
    await store.claim(ask);
    await store.complete({ id: ask.id, token: ask.token, outcome: answerOf('done'), retentionMs: null });
    const asked = vi.spyOn(pool, 'query');
    expect((await store.claim(askFor('replayed'))).kind).toBe('completed');
    expect(asked).not.toHaveBeenCalled();
    asked.mockRestore();
  });

  it('an emptied Redis is warmed again by the next replay', async () => {
    const store = tiered(redis(client), durable);
    const ask = askFor('emptied');
    await store.claim(ask);
    await store.complete({ id: ask.id, token: ask.token, outcome: answerOf('done'), retentionMs: null });
    await client.flushall();
    expect((await store.claim(askFor('emptied'))).kind).toBe('completed');
    const hot = redis(client);
    await vi.waitFor(async () => expect((await hot.read(ask.id))?.state).toBe('completed'), { timeout: 10_000 });
  });

  it('while Redis is cut off, silent or gone, every key runs once and every replay is right', async () => {
    const changes: HotChange['kind'][] = [];
    const store = tiered(redis(client), durable, { onHotChange: ({ kind }) => changes.push(kind) });
    const granted = new Map<string, number>();
    let number = 0;
    async function orders(count: number): Promise<void> {
      await Promise.all(
        Array.from({ length: count }, async () => {
          const key = `order-${number++}`;
          const asks = Array.from({ length: 4 }, () => askFor(key));
          const answers = await Promise.all(asks.map(async (ask) => ({ ask, answer: await store.claim(ask) })));
          const owners = answers.filter(({ answer }) => answer.kind === 'granted');
          granted.set(key, owners.length);
          for (const { ask } of owners) {
            const { id, token } = ask;
            await store.complete({ id, token, outcome: answerOf(key), retentionMs: null });
          }
          expect(await store.claim(askFor(key))).toMatchObject({ kind: 'completed' });
        }),
      );
    }
    await orders(20);
    proxy.plan({ kind: 'drop' });
    await orders(20);
    proxy.cutAll();
    await orders(20);
    await proxy.down();
    const startMs = performance.now();
    await orders(100);
    // 600 calls; with a timeout each, by five at a time and more, they would take many seconds.
    expect(performance.now() - startMs).toBeLessThan(5000);
    await proxy.up();
    await vi.waitFor(
      async () => {
        await store.claim(askFor('order-1'));
        expect(changes.at(-1)).toBe('up');
      },
      { timeout: 20_000 },
    );
    await orders(20);
    expect([...granted].filter(([, owners]) => owners !== 1)).toEqual([]);
    expect(granted.size).toBe(180);
    await store.claim(askFor('order-1'));
  });
});
