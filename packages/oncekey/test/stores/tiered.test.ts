/** The tiered store keeps the contract whatever its hot store does, and the hot store never contradicts the durable one (I12). */
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { IdempotencyError } from '../../src/core/errors.ts';
import type { Store } from '../../src/core/store.ts';
import { memory } from '../../src/stores/memory.ts';
import { sqlite } from '../../src/stores/sqlite.ts';
import { tiered, type HotChange, type HotStore } from '../../src/stores/tiered.ts';
import { faulty, storeContract, virtualClock, type VirtualClock } from '../../src/testing/index.ts';
import { randomFrom, seedOfRun } from '../../src/testing/seed.ts';
import { answerOf, askFor, idOf, testFolder } from './sqlite/folder.ts';

const newPath = testFolder();
const hour = 3_600_000;

/** A hot store that loses everything now and then. */
function forgetful(clock: VirtualClock): HotStore {
  const random = randomFrom(seedOfRun(), 'forgetful');
  const store = memory({ clock });
  return new Proxy(store, {
    get(target, name) {
      if (random.below(3) === 0) target.close();
      return Reflect.get(target, name) as unknown;
    },
  });
}

/** A hot store that refuses everything. */
function refusing(): HotStore {
  return new Proxy(memory(), {
    get: (target, name) =>
      name === 'name' || name === 'close' || name === 'watch'
        ? (Reflect.get(target, name) as unknown)
        : () => {
            throw new Error('the hot store is out');
          },
  });
}

const pairs: readonly (readonly [string, (clock: VirtualClock) => readonly [HotStore, Store]])[] = [
  ['memory in front of memory', (clock) => [memory({ clock }), memory({ clock })]],
  ['memory in front of sqlite', (clock) => [memory({ clock }), sqlite(newPath(), { clock, synchronous: 'normal' })]],
  ['sqlite in front of memory', (clock) => [sqlite(newPath(), { clock, synchronous: 'normal' }), memory({ clock })]],
  ['a hot store that forgets', (clock) => [forgetful(clock), memory({ clock })]],
];

describe.each(pairs)('the contract: %s', (_name, open) => {
  const cases = storeContract(async () => {
    const clock = virtualClock();
    const store = tiered(...open(clock), { clock });
    return { store, clock, close: async () => store.close?.() };
  });
  test.for(cases)('$id: $name', async ({ run }) => expect(await run()).toEqual({ kind: 'passed' }));
});

describe('the contract: a hot store that is out', () => {
  const cases = storeContract(async () => {
    const clock = virtualClock();
    // What must be told to the hot store is refused then; that has tests of its own below.
    const { erase: _erase, put: _put, ...durable } = memory({ clock });
    const store = tiered(refusing(), durable, { clock });
    return { store, clock, close: async () => store.close?.() };
  });
  test.for(cases.filter(({ needs }) => !needs?.includes('erase') && !needs?.includes('put')))(
    '$id: $name',
    async ({ run }) => expect(await run()).toEqual({ kind: 'passed' }),
  );
});

function opened() {
  const clock = virtualClock();
  const [hot, durable] = [faulty(memory({ clock }), []), faulty(memory({ clock }), [])];
  const store = tiered(hot as HotStore, durable, { clock }) as Required<Store>;
  const complete = async (key: string, retentionMs: number | null = hour) => {
    const ask = askFor(key, { fingerprint: 't1:a', keepMs: hour });
    await store.claim(ask);
    await store.complete({ id: ask.id, token: ask.token, outcome: answerOf(key), retentionMs });
    return ask;
  };
  return { clock, hot, durable, store, complete };
}

describe('early answers', () => {
  test('a replay does not touch the durable store', async () => {
    const { store, durable, complete } = opened();
    await complete('k');
    const before = durable.calls();
    const answer = await store.claim(askFor('k', { fingerprint: 't1:a' }));
    expect(answer).toMatchObject({ kind: 'completed', outcome: { kind: 'answer', status: 201 }, attempt: 1 });
    expect(durable.calls()).toBe(before);
  });

  test('a duplicate in flight does not touch it either, for a second', async () => {
    const { clock, store, durable } = opened();
    await store.claim(askFor('k', { fingerprint: 't1:a' }));
    const before = durable.calls();
    expect(await store.claim(askFor('k', { fingerprint: 't1:a' }))).toMatchObject({
      kind: 'in-progress',
      attempt: 1,
      leaseLeftMs: 30_000 - 100,
    });
    expect(durable.calls()).toBe(before);
    await clock.advance(1000);
    expect((await store.claim(askFor('k', { fingerprint: 't1:a' }))).kind).toBe('in-progress');
    expect(durable.calls()).toBe(before + 1);
  });

  test('a mark that outlived its claim refuses nobody with another input', async () => {
    const { hot, durable, store } = opened();
    const first = askFor('k', { fingerprint: 't1:a' });
    await store.claim(first);
    // Given back behind the hot store's back: its mark is still there.
    await durable.release(first.id, first.token, null);
    expect((await hot.read(first.id))?.state).toBe('in-progress');
    expect((await store.claim(askFor('k', { fingerprint: 't1:b' }))).kind).toBe('granted');
  });

  test('the owner who asks again is granted by the durable store', async () => {
    const { store } = opened();
    const ask = askFor('k', { fingerprint: 't1:a' });
    expect([(await store.claim(ask)).kind, (await store.claim(ask)).kind]).toEqual(['granted', 'granted']);
  });

  test('a cold miss is answered by the durable store and warms the hot one', async () => {
    const { clock, hot, durable, store, complete } = opened();
    await complete('k');
    await hot.close?.();
    expect((await store.claim(askFor('k', { fingerprint: 't1:a' }))).kind).toBe('completed');
    await clock.advance(1);
    const before = durable.calls();
    expect((await store.claim(askFor('k', { fingerprint: 't1:a' }))).kind).toBe('completed');
    expect(durable.calls()).toBe(before);
  });

  test('what another process completes is copied too', async () => {
    const { clock, hot, durable, store } = opened();
    const ask = askFor('k', { fingerprint: 't1:a' });
    await durable.claim(ask);
    await store.complete({ id: ask.id, token: ask.token, outcome: answerOf('k'), retentionMs: null });
    expect(await hot.read(ask.id)).toMatchObject({ state: 'completed', fingerprint: 't1:a' });
    expect(clock.pending()).toBe(0);
  });

  test('a copy holds no labels, no token and no steps', async () => {
    const { hot, complete } = opened();
    const { id } = await complete('secret key');
    const copy = await hot.read(id);
    expect(copy).toMatchObject({ state: 'completed', token: null, steps: [], labels: { key: '', scope: [] } });
  });
});

describe('retention in the hot store', () => {
  test.each([
    ['a short one', 60_000],
    ['one of a day', 24 * hour],
    ['for ever', null],
  ])('%s: never beyond what the durable store has left, nor beyond the cap', async (_name, retentionMs) => {
    const { clock, hot, durable, store, complete } = opened();
    const { id } = await complete('k', retentionMs);
    for (const pass of [0, 40_000]) {
      await clock.advance(pass);
      await hot.close?.();
      await store.claim(askFor('k'));
      await clock.advance(0);
      const left = (await hot.read(id))?.retentionLeftMs ?? Infinity;
      expect(left).toBeLessThanOrEqual((await durable.read(id))?.retentionLeftMs ?? Infinity);
      expect(left).toBeLessThanOrEqual(hour);
    }
  });

  test('time that the durable store took to answer is not added', async () => {
    const clock = virtualClock();
    const [hot, inner] = [memory({ clock }), memory({ clock })];
    const slow = faulty(inner, [{ call: 1, method: 'complete', fault: { delayMs: 0, clock } }]);
    // Applied at once, answered five seconds later.
    const durable: Store = {
      ...slow,
      claim: (ask) => inner.claim(ask),
      read: (id) => inner.read(id),
      async complete(ask) {
        const answer = inner.complete(ask);
        await new Promise<void>((resume) => clock.after(5000, resume));
        return answer;
      },
    };
    const store = tiered(hot, durable, { clock });
    const ask = askFor('k');
    await store.claim(ask);
    const completing = store.complete({ id: ask.id, token: ask.token, outcome: answerOf('k'), retentionMs: 60_000 });
    await clock.advance(5000);
    await completing;
    expect(hot.read(ask.id)?.retentionLeftMs).toBeLessThanOrEqual(inner.read(ask.id)?.retentionLeftMs ?? 0);
  });
});

describe('what is decided later', () => {
  test('an erased record is a tombstone in both', async () => {
    const { hot, store, complete } = opened();
    const { id } = await complete('k');
    expect(await store.erase(id, hour)).toEqual({ kind: 'erased' });
    expect(await hot.read(id)).toMatchObject({ state: 'erased' });
    expect(await store.claim(askFor('k'))).toMatchObject({ kind: 'completed', outcome: { reason: 'erased' } });
  });

  test('a tombstone that is not kept leaves nothing behind in the hot store', async () => {
    const { clock, hot, store, complete } = opened();
    const { id } = await complete('k');
    await store.erase(id, 0);
    expect((await store.claim(askFor('k'))).kind).toBe('granted');
    await clock.advance(2);
    expect((await hot.read(id))?.outcome ?? null).toBeNull();
  });

  test('a copy that was on its way when the record was erased does not replace the tombstone', async () => {
    const { hot, store, complete } = opened();
    const { id } = await complete('k');
    const before = await hot.read(id);
    await store.erase(id, hour);
    expect(before && (await (hot as HotStore).put(before))).toEqual({ kind: 'kept' });
  });

  test('erasing while the hot store is out fails, says what is done and works when repeated', async () => {
    const clock = virtualClock();
    const inner = memory({ clock });
    const hot = faulty(inner, [{ call: 3, method: 'put', fault: 'fail' }]) as HotStore;
    const durable = memory({ clock });
    const store = tiered(hot, durable, { clock }) as Required<Store>;
    const ask = askFor('k');
    await store.claim(ask);
    await store.complete({ id: ask.id, token: ask.token, outcome: answerOf('k'), retentionMs: hour });
    const error: unknown = await Promise.resolve(store.erase(ask.id, hour)).catch((reason: unknown) => reason);
    expect(IdempotencyError.is(error, 'store_unavailable') && error.message).toMatch(/durable store has erased/);
    expect(durable.read(ask.id)?.state).toBe('erased');
    expect(await store.erase(ask.id, hour)).toEqual({ kind: 'erased' });
    expect(inner.read(ask.id)?.state).toBe('erased');
  });

  test('a record that was released is claimable at once', async () => {
    const { store } = opened();
    const ask = askFor('k', { fingerprint: 't1:a' });
    await store.claim(ask);
    await store.release(ask.id, ask.token, null);
    expect((await store.claim(askFor('k', { fingerprint: 't1:a' }))).kind).toBe('granted');
  });
});

describe('a hot store that hangs', () => {
  test('costs one timeout and not one a request, and is used again when it is back', async () => {
    let hanging = true;
    const inner = memory();
    const hot = new Proxy(inner, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== 'function') return member;
        return (...given: unknown[]): unknown =>
          hanging ? new Promise(() => {}) : Reflect.apply(member, target, given);
      },
    });
    const changes: HotChange['kind'][] = [];
    const durable = memory();
    const store = tiered(hot, durable, { hotTimeoutMs: 50, onHotChange: ({ kind }) => changes.push(kind) });
    const startMs = performance.now();
    for (let number = 0; number < 200; number++) {
      const ask = askFor(`k${number}`);
      expect((await store.claim(ask)).kind).toBe('granted');
      await store.complete({ id: ask.id, token: ask.token, outcome: answerOf('x'), retentionMs: hour });
      expect((await store.claim(askFor(`k${number}`))).kind).toBe('completed');
    }
    // 600 calls. With a timeout each they would take half a minute.
    expect(performance.now() - startMs).toBeLessThan(10_000);
    expect(changes).toEqual(['down']);
    hanging = false;
    const deadlineMs = performance.now() + 20_000;
    while (!changes.includes('up') && performance.now() < deadlineMs) {
      await store.claim(askFor('k1'));
      await wait(20);
    }
    expect(changes).toEqual(['down', 'up']);
    await store.claim(askFor('k1'));
    await wait(0);
    expect(inner.read(idOf('k1'))?.state).toBe('completed');
  });

  test('a durable store that is out makes new work unavailable and leaves replays', async () => {
    const clock = virtualClock();
    const durable = faulty(
      memory({ clock }),
      Array.from({ length: 20 }, (_, index) => ({ call: 3 + index, fault: 'fail' }) as const),
    );
    const store = tiered(memory({ clock }), durable, { clock });
    const ask = askFor('k');
    await store.claim(ask);
    await store.complete({ id: ask.id, token: ask.token, outcome: answerOf('k'), retentionMs: hour });
    await expect(store.claim(askFor('new'))).rejects.toThrow('store_unavailable');
    expect((await store.claim(askFor('k'))).kind).toBe('completed');
  });
});

describe('options', () => {
  test.each([
    [{ hotTimeoutMs: 0 }, /hotTimeoutMs/],
    [{ hotRetentionMs: Number.NaN }, /hotRetentionMs/],
  ])('%j is refused by name', (options, message) => {
    expect(() => tiered(memory(), memory(), options)).toThrow(message);
  });

  test('a hot store that cannot be warmed is refused', () => {
    const { put: _put, ...rest } = memory();
    expect(() => tiered(rest as unknown as HotStore, memory())).toThrow(/put/);
  });

  test('what the durable store lacks is absent', () => {
    const { list: _list, erase: _erase, ...durable } = memory();
    const store = tiered(memory(), durable);
    expect([store.list, store.erase, typeof store.sweep]).toEqual([undefined, undefined, 'function']);
  });
});
