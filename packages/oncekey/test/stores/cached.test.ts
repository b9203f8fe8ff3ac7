/** The cached store keeps the contract, answers from memory what is terminal, and no longer than it may. */
import { describe, expect, test } from 'vitest';
import type { Store } from '../../src/core/store.ts';
import { cached, type CachedOptions } from '../../src/stores/cached.ts';
import { memory } from '../../src/stores/memory.ts';
import { sqlite } from '../../src/stores/sqlite.ts';
import { tiered } from '../../src/stores/tiered.ts';
import { faulty, storeContract, virtualClock, type VirtualClock } from '../../src/testing/index.ts';
import { answerOf, askFor, testFolder } from './sqlite/folder.ts';

const newPath = testFolder();
const hour = 3_600_000;

const wrapped: readonly (readonly [string, (clock: VirtualClock) => Store])[] = [
  ['memory', (clock) => memory({ clock })],
  ['sqlite', (clock) => sqlite(newPath(), { clock, synchronous: 'normal' })],
  ['tiered', (clock) => tiered(memory({ clock }), memory({ clock }), { clock })],
];

describe.each(wrapped)('the contract: over %s', (_name, open) => {
  const cases = storeContract(async () => {
    const clock = virtualClock();
    const store = cached(open(clock), { clock });
    return { store, clock, close: async () => store.close?.() };
  });
  test.for(cases)('$id: $name', async ({ run }) => expect(await run()).toEqual({ kind: 'passed' }));
});

function opened(options: CachedOptions = {}) {
  const clock = virtualClock();
  const inner = faulty(memory({ clock }), []);
  const store = cached(inner, { clock, ...options }) as Required<Store>;
  const complete = async (key: string, retentionMs: number | null = hour, bytes = 'done') => {
    const ask = askFor(key, { fingerprint: 't1:a' });
    await store.claim(ask);
    await store.complete({ id: ask.id, token: ask.token, outcome: answerOf(bytes), retentionMs });
    return ask;
  };
  /** Whether a claim is answered without asking the store. */
  const fromMemory = async (key: string) => {
    const before = inner.calls('claim');
    const { kind } = await store.claim(askFor(key, { fingerprint: 't1:a' }));
    return kind === 'completed' && inner.calls('claim') === before;
  };
  return { clock, inner, store, complete, fromMemory };
}

describe('what is answered from memory', () => {
  test('the second replay, with the same answer', async () => {
    const { store, complete, fromMemory } = opened();
    await complete('k');
    const first = await store.claim(askFor('k'));
    expect(await fromMemory('k')).toBe(true);
    expect(await store.claim(askFor('k'))).toEqual(first);
  });

  test('what somebody does to the bytes he was given changes no replay', async () => {
    const { store, complete } = opened();
    await complete('k');
    for (let round = 0; round < 4; round++) {
      const answer = await store.claim(askFor('k'));
      const body = answer.kind === 'completed' && answer.outcome.kind === 'answer' ? answer.outcome.body : undefined;
      expect(Buffer.from(body ?? []).toString()).toBe('done');
      body?.fill(0);
    }
  });

  test('neither work in progress nor a tombstone', async () => {
    const { store, complete, fromMemory } = opened();
    await store.claim(askFor('running'));
    const { id } = await complete('erased');
    await store.erase(id, hour);
    for (let round = 0; round < 3; round++) {
      expect(await fromMemory('running')).toBe(false);
      expect(await fromMemory('erased')).toBe(false);
    }
  });
});

describe('how long', () => {
  test('no longer than the maximum age: then an erasure made elsewhere is seen', async () => {
    const { clock, inner, store, complete, fromMemory } = opened({ maxAgeMs: 2000 });
    const { id } = await complete('k');
    await store.claim(askFor('k'));
    // By another process, which this cache cannot hear.
    await inner.erase?.(id, hour);
    await clock.advance(1999);
    expect(await fromMemory('k')).toBe(true);
    await clock.advance(1);
    expect(await store.claim(askFor('k'))).toMatchObject({ kind: 'completed', outcome: { reason: 'erased' } });
  });

  test('never beyond the retention', async () => {
    const { clock, store, complete, fromMemory } = opened();
    await complete('k', 1000);
    await clock.advance(400);
    await store.claim(askFor('k'));
    await clock.advance(599);
    expect(await fromMemory('k')).toBe(true);
    await clock.advance(1);
    expect((await store.claim(askFor('k'))).kind).toBe('granted');
  });

  test('an erasure through this store is seen at once, also by a look that was under way', async () => {
    const clock = virtualClock();
    const inner = memory({ clock });
    let answer: (() => void) | undefined;
    const slow: Store = {
      ...inner,
      read: (id) => {
        const record = inner.read(id);
        return new Promise((resolve) => {
          answer = () => resolve(record);
        });
      },
    };
    const store = cached(slow, { clock });
    const ask = askFor('k');
    await store.claim(ask);
    await store.complete({ id: ask.id, token: ask.token, outcome: answerOf('x'), retentionMs: hour });
    await store.claim(askFor('k'));
    await store.erase?.(ask.id, hour);
    answer?.();
    await clock.advance(1);
    expect(await store.claim(askFor('k'))).toMatchObject({ outcome: { reason: 'erased' } });
  });

  test('an erasure whose reply was lost is seen at once too', async () => {
    const clock = virtualClock();
    const inner = faulty(memory({ clock }), [{ call: 1, method: 'erase', fault: 'lose-reply' }]);
    const store = cached(inner, { clock });
    const ask = askFor('k');
    await store.claim(ask);
    await store.complete({ id: ask.id, token: ask.token, outcome: answerOf('x'), retentionMs: hour });
    await store.claim(askFor('k'));
    await expect(store.erase?.(ask.id, hour)).rejects.toThrow('planned fault');
    expect(await store.claim(askFor('k'))).toMatchObject({ outcome: { reason: 'erased' } });
  });
});

describe('how much', () => {
  test('beyond the bound in entries the one used longest ago goes', async () => {
    const { store, complete, fromMemory } = opened({ maxEntries: 2 });
    for (const key of ['a', 'b', 'c']) {
      await complete(key);
      await store.claim(askFor(key));
    }
    expect([await fromMemory('b'), await fromMemory('c'), await fromMemory('a')]).toEqual([true, true, false]);
  });

  test('an outcome larger than the bound in bytes is answered by the store', async () => {
    const { complete, fromMemory } = opened({ maxBytes: 10_000 });
    await complete('large', hour, 'x'.repeat(20_000));
    await complete('small');
    for (const key of ['large', 'small']) await fromMemory(key);
    expect([await fromMemory('large'), await fromMemory('small')]).toEqual([false, true]);
  });

  test('a store that cannot be read keeps nothing back', async () => {
    const clock = virtualClock();
    const inner = faulty(memory({ clock }), [{ call: 1, method: 'read', fault: 'fail' }]);
    const store = cached(inner, { clock });
    const ask = askFor('k');
    await store.claim(ask);
    await store.complete({ id: ask.id, token: ask.token, outcome: answerOf('x'), retentionMs: hour });
    expect((await store.claim(askFor('k'))).kind).toBe('completed');
    expect((await store.claim(askFor('k'))).kind).toBe('completed');
  });

  test.each([[{ maxAgeMs: 0 }], [{ maxEntries: Number.NaN }], [{ maxBytes: -1 }]])(
    '%j is refused by name',
    (options) => {
      expect(() => cached(memory(), options)).toThrow(new RegExp(Object.keys(options)[0] ?? ''));
    },
  );
});
