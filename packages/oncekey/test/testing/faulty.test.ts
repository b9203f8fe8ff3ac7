/** Planned faults: the named call goes wrong in the named way, every other call is the store's own. */
import { describe, expect, test } from 'vitest';
import { IdempotencyError } from '../../src/core/errors.ts';
import type { ClaimAsk } from '../../src/core/store.ts';
import { memory } from '../../src/stores/memory.ts';
import { faulty, storeContract, virtualClock } from '../../src/testing/index.ts';

function ask(id: string): ClaimAsk {
  const labels = { scope: [], operation: null, key: id, owner: null, method: null, path: null, eventId: null };
  return { id, token: id, fingerprint: null, leaseMs: 1000, ifAbandoned: 'rerun', keepMs: 1000, labels };
}

describe('faulty', () => {
  test('without a plan it is the store', () => {
    const inner = memory();
    const store = faulty(inner, []);
    expect(store.name).toBe('memory');
    expect(store.claim(ask('a'))).toMatchObject({ kind: 'granted' });
    expect(inner.read('a')?.state).toBe('in-progress');
    store.watch?.('a', () => {})();
  });

  test('fail: the call is refused and nothing is applied', async () => {
    const inner = memory();
    const store = faulty(inner, [{ call: 1, method: 'claim', fault: 'fail' }]);
    await expect(Promise.resolve(store.claim(ask('a')))).rejects.toSatisfy((error) =>
      IdempotencyError.is(error, 'store_unavailable'),
    );
    expect(inner.read('a')).toBeUndefined();
    expect(store.claim(ask('a'))).toMatchObject({ kind: 'granted' });
  });

  test('lose-reply: the call is applied and fails', async () => {
    const inner = memory();
    const error = new Error('connection reset');
    const store = faulty(inner, [{ call: 1, method: 'claim', fault: 'lose-reply', error }]);
    await expect(Promise.resolve(store.claim(ask('a')))).rejects.toBe(error);
    expect(inner.read('a')?.state).toBe('in-progress');
  });

  test('hang: no answer comes and nothing is applied', async () => {
    const inner = memory();
    const clock = virtualClock();
    const store = faulty(inner, [{ call: 1, fault: 'hang' }]);
    const answered = Promise.resolve(store.claim(ask('a'))).then(() => 'answered');
    await clock.advance(1_000_000);
    await expect(Promise.race([answered, Promise.resolve('nothing')])).resolves.toBe('nothing');
    expect(inner.read('a')).toBeUndefined();
  });

  test('delay: the call is applied when the clock says so', async () => {
    const clock = virtualClock();
    const inner = memory({ clock });
    const store = faulty(inner, [{ call: 1, fault: { delayMs: 50, clock } }]);
    const answer = store.claim(ask('a'));
    await clock.advance(49);
    expect(inner.read('a')).toBeUndefined();
    await clock.advance(1);
    expect(inner.read('a')?.state).toBe('in-progress');
    await expect(Promise.resolve(answer)).resolves.toMatchObject({ kind: 'granted' });
  });

  test('counts calls of each method and of all, and numbers faults by either', async () => {
    const store = faulty(memory(), [
      { call: 2, method: 'claim', fault: 'fail' },
      { call: 4, fault: 'fail' },
    ]);
    expect(store.claim(ask('a'))).toMatchObject({ kind: 'granted' });
    expect(store.read('a')).toMatchObject({ state: 'in-progress' });
    await expect(Promise.resolve(store.claim(ask('b')))).rejects.toThrow(/planned fault at claim/);
    await expect(Promise.resolve(store.release('a', 'a', null))).rejects.toThrow(/planned fault at release/);
    expect([store.calls(), store.calls('claim'), store.calls('read'), store.calls('sweep')]).toEqual([4, 2, 1, 0]);
  });

  test('methods that the store lacks stay absent', () => {
    const bare = memory();
    Reflect.deleteProperty(bare, 'sweep');
    const store = faulty(bare, []);
    expect(['claim', 'sweep'].map((method) => typeof Reflect.get(store, method))).toEqual(['function', 'undefined']);
  });

  const cases = storeContract(async () => {
    const clock = virtualClock();
    return { store: faulty(memory({ clock }), []), clock, close: async () => {} };
  });
  test('without a plan it keeps the whole contract', async () => {
    for (const { run } of cases) expect(await run()).toEqual({ kind: 'passed' });
  });
});
