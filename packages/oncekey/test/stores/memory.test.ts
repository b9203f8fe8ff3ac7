/** The memory store keeps the contract, and beyond it: its bounds, what they may take, and that it needs no sweeping. */
import { describe, expect, test } from 'vitest';
import { IdempotencyError } from '../../src/core/errors.ts';
import type { ClaimAsk, StoredRecord } from '../../src/core/store.ts';
import { memory, type MemoryOptions, type MemoryStore } from '../../src/stores/memory.ts';
import { storeContract, virtualClock } from '../../src/testing/index.ts';

const cases = storeContract(async () => {
  const clock = virtualClock();
  const store = memory({ clock });
  return { store, clock, close: async () => store.close() };
});

describe('the contract', () => {
  test.for(cases)('$id: $name', async ({ run }) => expect(await run()).toEqual({ kind: 'passed' }));
});

const hour = 3_600_000;

function ask(number: number, over: Partial<ClaimAsk> = {}): ClaimAsk {
  const id = number.toString(16).padStart(64, '0');
  const labels = { scope: ['s'], operation: null, key: 'k', owner: null, method: null, path: null, eventId: null };
  const token = `token ${number}`;
  return { id, token, fingerprint: null, leaseMs: hour, ifAbandoned: 'rerun', keepMs: hour, labels, ...over };
}

function opened(options: MemoryOptions = {}) {
  const clock = virtualClock();
  const store = memory({ clock, ...options });
  const complete = (number: number, retentionMs: number | null = hour, body = new Uint8Array(10)): void => {
    const { id, token } = ask(number);
    expect(store.claim(ask(number)).kind).toBe('granted');
    const outcome = { kind: 'answer', status: 200, headers: [], body } as const;
    expect(store.complete({ id, token, outcome, retentionMs }).kind).toBe('stored');
  };
  return { clock, store, complete };
}

function left(store: MemoryStore, numbers: readonly number[]): number[] {
  return numbers.filter((number) => store.read(ask(number).id) !== undefined);
}

function refusal(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('the bound in records', () => {
  test('the completed record nearest to its end goes first, one for ever last', async () => {
    const { clock, store, complete } = opened({ maxRecords: 4 });
    complete(1, null);
    complete(2, 3 * hour);
    complete(3, hour);
    complete(4, 2 * hour);
    await clock.advance(1);
    for (const [next, remaining] of [
      [5, [1, 2, 4]],
      [6, [1, 2]],
      [7, [1]],
      [8, []],
    ] as const) {
      expect(store.claim(ask(next)).kind).toBe('granted');
      expect(left(store, [1, 2, 3, 4])).toEqual(remaining);
    }
  });

  test('of equal retentions the oldest completed goes first', async () => {
    const { clock, store, complete } = opened({ maxRecords: 3 });
    for (const number of [3, 1, 2]) {
      complete(number);
      await clock.advance(1);
    }
    store.claim(ask(4));
    expect(left(store, [1, 2, 3])).toEqual([1, 2]);
  });

  test('a thousand records with random retentions go in the order of their ends', () => {
    const { store, complete } = opened({ maxRecords: 1000 });
    // 7919 is prime to 1000: every number once, in no order.
    for (let number = 0; number < 1000; number++) complete(number, 1000 + ((number * 7919) % 1000));
    const byEnd = Array.from({ length: 1000 }, (_, number) => number).sort(
      (a, b) => ((a * 7919) % 1000) - ((b * 7919) % 1000),
    );
    for (let gone = 0; gone < 1000; gone += 100) {
      for (let claimed = 0; claimed < 100; claimed++) store.claim(ask(5000 + gone + claimed));
      expect(left(store, byEnd)).toEqual(byEnd.slice(gone + 100));
    }
  });

  test('live, abandoned and open records never go: the claim is refused and says what to do', async () => {
    const { clock, store } = opened({ maxRecords: 3 });
    store.claim(ask(1));
    store.claim(ask(2, { leaseMs: 10, keepMs: null }));
    store.claim(ask(3));
    store.saveStep(ask(3).id, ask(3).token, { name: 'a', bytes: new Uint8Array() });
    store.release(ask(3).id, ask(3).token, null);
    await clock.advance(20);
    const error = refusal(() => store.claim(ask(4)));
    expect(IdempotencyError.is(error, 'store_unavailable') && error.details).toEqual({ phase: 'claim' });
    expect(String(error)).toContain('maxRecords');
    expect([1, 2, 3].map((number) => store.read(ask(number).id)?.state)).toEqual(['in-progress', 'abandoned', 'open']);
  });

  test('a refused claim takes nothing away, and room is found once something is completed', () => {
    const { store } = opened({ maxRecords: 2 });
    store.claim(ask(1));
    store.claim(ask(2));
    expect(() => store.claim(ask(3))).toThrow(IdempotencyError);
    const { id, token } = ask(1);
    store.complete({ id, token, outcome: { kind: 'failure', name: 'E', message: '' }, retentionMs: hour });
    expect(store.claim(ask(3)).kind).toBe('granted');
    expect(left(store, [1, 2, 3])).toEqual([2, 3]);
  });

  test('repeated and refused claims of known records need no room', () => {
    const { store } = opened({ maxRecords: 1 });
    store.claim(ask(1));
    expect(store.claim(ask(1)).kind).toBe('granted');
    expect(store.claim(ask(1, { token: 'other' })).kind).toBe('in-progress');
  });
});

describe('the bound in bytes', () => {
  test('large bodies push the oldest out', async () => {
    const { clock, store, complete } = opened({ maxBytes: 100_000 });
    for (let number = 1; number <= 10; number++) {
      complete(number, hour, new Uint8Array(30_000));
      await clock.advance(1);
    }
    expect(left(store, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])).toEqual([8, 9, 10]);
  });

  test('an outcome larger than the whole bound is kept until the next claim: what was completed answers', () => {
    const { store, complete } = opened({ maxBytes: 10_000 });
    complete(1, hour, new Uint8Array(20_000));
    expect(store.claim(ask(1, { token: 'other' })).kind).toBe('completed');
    store.claim(ask(2));
    expect(left(store, [1, 2])).toEqual([2]);
  });

  test('a step that does not fit is refused and nothing goes for it', () => {
    const { store, complete } = opened({ maxBytes: 10_000 });
    complete(1);
    store.claim(ask(2));
    const step = { name: 'large', bytes: new Uint8Array(20_000) };
    const error = refusal(() => store.saveStep(ask(2).id, ask(2).token, step));
    expect(IdempotencyError.is(error, 'store_unavailable') && error.details).toEqual({ phase: 'work' });
    expect(left(store, [1, 2])).toEqual([1, 2]);
    expect(store.read(ask(2).id)?.steps).toEqual([]);
  });

  test('what was removed weighs nothing any more', () => {
    const { store } = opened({ maxBytes: 10_000 });
    for (let round = 0; round < 1000; round++) {
      const { id, token } = ask(round);
      store.claim(ask(round));
      store.saveStep(id, token, { name: 'a', bytes: new Uint8Array(1000) });
      store.note([{ id, kind: 'conflict', fingerprint: 't1:x' }]);
      store.complete({ id, token, outcome: { kind: 'failure', name: 'E', message: '' }, retentionMs: hour });
      store.erase(id, 0);
    }
    expect(store.claim(ask(5000)).kind).toBe('granted');
  });

  test('put weighs and is refused like a claim when only unfinished records are left', () => {
    const { store, complete } = opened({ maxRecords: 2 });
    complete(1);
    const completed = store.read(ask(1).id) as StoredRecord;
    store.claim(ask(2));
    store.claim(ask(3));
    const error = refusal(() => store.put({ ...completed, id: ask(4).id }));
    expect(IdempotencyError.is(error, 'store_unavailable') && error.details).toEqual({ phase: 'other' });
  });
});

describe('expiry', () => {
  test('records whose end has come go by themselves as claims come', async () => {
    const { clock, store, complete } = opened();
    for (let number = 0; number < 100; number++) complete(number, 10);
    for (let number = 100; number < 200; number++) store.claim(ask(number, { leaseMs: 10, keepMs: 0 }));
    await clock.advance(20);
    for (let number = 200; number < 300; number++) store.claim(ask(number));
    expect(store.sweep(1000)).toEqual({ removed: 0, more: false });
  });

  test('an ended record of the same id does not count against the bound', async () => {
    const { clock, store, complete } = opened({ maxRecords: 2 });
    complete(1, 10);
    store.claim(ask(2));
    await clock.advance(20);
    expect(store.claim(ask(1)).kind).toBe('granted');
  });

  test('sweep tells how many went and whether more may go', async () => {
    const { clock, store, complete } = opened();
    for (let number = 0; number < 5; number++) complete(number, 10);
    store.claim(ask(9, { leaseMs: 10, keepMs: 0 }));
    await clock.advance(20);
    expect(store.sweep(4)).toEqual({ removed: 4, more: true });
    expect(store.sweep(4)).toEqual({ removed: 2, more: false });
  });

  test('nothing waits: the store sets no timer', () => {
    const { clock, complete } = opened();
    complete(1);
    expect(clock.pending()).toBe(0);
  });

  test('a wall clock that jumps ends no lease', () => {
    let hours = 0;
    const clock = { nowMs: () => hours * hour, monotonicMs: () => 0, after: () => () => {} };
    const store = memory({ clock });
    store.claim(ask(1, { leaseMs: 10 }));
    hours = 5;
    expect(store.claim(ask(1, { token: 'other' })).kind).toBe('in-progress');
  });
});

describe('bytes', () => {
  test.each([10, 4096, 4097, 100_000])(
    'a body of %i bytes does not hold on to the larger buffer it was cut from',
    (size) => {
      const { store, complete } = opened();
      const large = new Uint8Array(1_000_000).fill(200);
      complete(1, hour, large.subarray(10, 10 + size));
      large.fill(0);
      const outcome = store.read(ask(1).id)?.outcome;
      const body = outcome?.kind === 'answer' ? outcome.body : undefined;
      expect(body).toHaveLength(size);
      expect(body?.every((byte) => byte === 200)).toBe(true);
      expect(body?.buffer.byteLength).toBeLessThan(1_000_000);
    },
  );

  test('a small body that was given out is the asker’s own: what he does to it changes no replay', () => {
    const { store, complete } = opened();
    complete(1, hour, Uint8Array.of(1, 2, 3));
    for (let round = 0; round < 2; round++) {
      const outcome = store.read(ask(1).id)?.outcome;
      expect(outcome?.kind === 'answer' && [...outcome.body]).toEqual([1, 2, 3]);
      if (outcome?.kind === 'answer') outcome.body.fill(0);
    }
  });
});

describe('erasure', () => {
  test('of the conflicts only the count is left: what others sent is personal too', () => {
    const { store, complete } = opened();
    complete(1);
    const { id } = ask(1);
    store.note([
      { id, kind: 'conflict', fingerprint: 't1:x' },
      { id, kind: 'replay', count: 3 },
    ]);
    store.erase(id, hour);
    expect(store.read(id)).toMatchObject({ conflictCount: 1, replayCount: 3, conflictFingerprints: [] });
    expect(store.read(id)?.timeline.map(({ what }) => what)).toEqual(['erased']);
  });
});

describe('watching', () => {
  test('a watcher hears of every change after it, outside of the stack of who made it', async () => {
    const { store } = opened();
    const seen: (string | undefined)[] = [];
    const { id, token } = ask(1);
    const end = store.watch(id, () => seen.push(store.read(id)?.state));
    store.claim(ask(1));
    store.complete({ id, token, outcome: { kind: 'failure', name: 'E', message: '' }, retentionMs: hour });
    expect(seen).toEqual([]);
    await Promise.resolve();
    expect(seen).toEqual(['completed']);
    store.erase(id, hour);
    await Promise.resolve();
    expect(seen).toEqual(['completed', 'erased']);
    end();
  });
});

describe('options and closing', () => {
  test.each([
    [{ maxRecords: 0 }, 'maxRecords'],
    [{ maxRecords: Number.NaN }, 'maxRecords'],
    [{ maxBytes: -1 }, 'maxBytes'],
  ])('%j is refused by name', (options, name) => {
    expect(() => memory(options)).toThrow(new RegExp(`memory: ${name}`));
  });

  test('a cursor that no page gave is refused by name', () => {
    expect(() => memory().list({ limit: 1, cursor: 'x' })).toThrow(/cursor/);
  });

  test('after close nothing is left', () => {
    const { store, complete } = opened();
    complete(1);
    store.claim(ask(2));
    store.close();
    expect(left(store, [1, 2])).toEqual([]);
  });
});
