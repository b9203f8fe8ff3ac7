/** A client that never answers: nothing of the store waits for it longer than the time it was given. */
import { expect, test } from 'vitest';
import { redis, type RedisClient } from '../../src/stores/redis.ts';

const never = new Promise<never>(() => {});
const id = 'a'.repeat(64);

interface Own {
  hearing: Promise<unknown>;
  ended: number;
}

/** An ioredis that answers the scripts as if all was granted, and nothing else. */
function clientWith(own: Own, evalsha: () => Promise<unknown> = () => Promise.resolve([0, 1])): RedisClient {
  return {
    status: 'ready',
    options: {},
    callBuffer: (command) => (command === 'evalsha' ? evalsha() : never),
    duplicate: () => ({
      subscribe: () => own.hearing,
      on: () => undefined,
      disconnect: () => {
        own.ended += 1;
      },
    }),
  };
}

const silent = { code: 'store_unavailable', message: expect.stringContaining('no answer within 30 ms') as string };

test('a check and a page end although the server tells nothing of itself', async () => {
  const store = redis(clientWith({ hearing: never, ended: 0 }), { timeoutMs: 30 });
  await expect(store.check()).rejects.toMatchObject(silent);
  await expect(store.list({ limit: 1 })).rejects.toMatchObject(silent);
});

test('an answer that is none fails the calls that it was for', async () => {
  const store = redis(
    clientWith({ hearing: never, ended: 0 }, () => Promise.resolve(null)),
    { timeoutMs: 30 },
  );
  const outcome = { kind: 'value', body: new Uint8Array(0), label: null, refs: [], details: null } as const;
  await expect(store.complete({ id, token: 'mine', outcome, retentionMs: 1000 })).rejects.toThrow(/no answer/);
});

test('a connection that listens is ended by close before it hears', async () => {
  const own = { hearing: never, ended: 0 };
  const store = redis(clientWith(own));
  store.watch?.(id, () => {});
  await store.close();
  expect(own.ended).toBe(1);
});

test('a connection that cannot listen is ended, and the next one who watches gets another', async () => {
  const own = { hearing: Promise.reject(new Error('no')), ended: 0 };
  const store = redis(clientWith(own));
  for (const times of [1, 2]) {
    store.watch?.(id, () => {});
    await new Promise((resolve) => void setImmediate(resolve));
    expect(own.ended).toBe(times);
  }
  await store.close();
  expect(own.ended).toBe(2);
});
