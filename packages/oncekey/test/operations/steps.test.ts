/**
 * Steps in one process: what they give back, what they refuse, and what a store's fault in
 * the middle of them leaves behind. Crashes between them are in steps.system.test.ts.
 */
import { describe, expect, test } from 'vitest';
import { createOnce, IdempotencyError, memory, type Once, type OnceOptions } from '../../src/index.ts';
import type { Work } from '../../src/core/work.ts';
import { faulty, type Fault } from '../../src/testing/faulty.ts';
import { virtualClock, type VirtualClock } from '../../src/testing/virtual-clock.ts';

const call = { scope: ['acme'], operation: 'order.pay', key: 'order-17' };
const never = (): never => {
  throw new Error('must not run');
};

function desk(options: Partial<OnceOptions> = {}, faults: Fault[] = []): { once: Once; clock: VirtualClock } {
  const clock = virtualClock();
  const store = faulty(memory({ clock }), faults);
  return { once: createOnce({ store, clock, ...options }), clock };
}

async function failureOf(promise: Promise<unknown>): Promise<IdempotencyError> {
  const error: unknown = await promise.catch((thrown: unknown) => thrown);
  if (!IdempotencyError.is(error)) throw new Error(`expected an IdempotencyError, got ${String(error)}`);
  return error;
}

async function granted(once: Once, expiresInMs: number): Promise<Work> {
  const claimed = await once.claim({ ...call, expiresInMs });
  if (claimed.outcome !== 'granted') throw new Error(claimed.outcome);
  return claimed.work;
}

describe('a step', () => {
  test.each([undefined, null, 0, '', [], { charge: 'ch_1' }, 'é\u0000😀'])('gives %j back', async (value) => {
    const { once } = desk({ failures: 'release' });
    const failing = once.run(call, async (work) => {
      expect(await work.step('a', () => value)).toEqual(value);
      throw new Error('later');
    });
    await expect(failing).rejects.toThrow('later');
    const resumed = await once.run(call, async (work) => ({ again: await work.step('a', never) }));
    expect(resumed.value).toEqual(value === undefined ? {} : { again: value });
  });

  test('that throws is not saved: the next attempt runs it again', async () => {
    const { once } = desk({ failures: 'release' });
    const failing = once.run(call, async (work) => {
      await work.step('a', () => 'done');
      await work.step('b', never);
    });
    await expect(failing).rejects.toThrow('must not run');
    const resumed = await once.run(call, async (work) => [
      await work.step('a', never),
      await work.step('b', () => 'now'),
    ]);
    expect(resumed.value).toEqual(['done', 'now']);
  });

  test.each([
    ['empty', ''],
    ['blank', '  '],
    ['over-long', 'x'.repeat(256)],
    ['absent', undefined as never],
    ['integer', 17 as never],
    ['odd (U+0000)', 'a\0b'],
    ['incomplete (half of a surrogate pair)', 'a\ud800'],
  ])('with an %s name is refused before it runs', async (_what, name) => {
    const { once } = desk();
    const error = await failureOf(once.run(call, (work) => work.step(name, never)));
    expect(error).toMatchObject({ code: 'step_invalid', details: { step: name }, retryable: false });
  });

  test('whose name was used in this run is refused, also when the first one failed', async () => {
    const { once } = desk();
    const error = await failureOf(
      once.run(call, async (work) => {
        await work.step('a', never).catch(() => undefined);
        await work.step('a', never);
      }),
    );
    expect(error).toMatchObject({ code: 'step_invalid', message: expect.stringContaining('one step only') });
  });

  test('after a thousand others is refused', async () => {
    const { once } = desk();
    const error = await failureOf(
      once.run(call, async (work) => {
        for (let at = 0; at <= 1000; at += 1) await work.step(`step ${at}`, () => at);
      }),
    );
    expect(error).toMatchObject({ code: 'step_invalid', details: { step: 'step 1000' } });
  });

  test.each([
    ['a function', () => 1, 'outcome_unserializable'],
    ['a BigInt', 1n, 'outcome_unserializable'],
    ['more than a mebibyte', 'x'.repeat(1_048_576), 'outcome_too_large'],
  ])('that gives %s fails clearly and saves nothing', async (_what, value, code) => {
    const { once } = desk({ failures: 'release' });
    expect((await failureOf(once.run(call, (work) => work.step('a', () => value)))).code).toBe(code);
    expect(await once.get(call)).toBeUndefined();
  });
});

describe('a lease that was lost', () => {
  test('begins no step once it is known', async () => {
    const { once, clock } = desk();
    const stale = await granted(once, 1000);
    await clock.advance(1001);
    await once.run(call, () => 'by another');
    expect((await failureOf(stale.step('a', () => 1))).code).toBe('lease_lost');
    expect((await failureOf(stale.step('b', never))).code).toBe('lease_lost');
    expect(stale.signal.aborted).toBe(true);
  });

  test('while a step runs: its result is refused and the owner of today keeps its own', async () => {
    const { once, clock } = desk();
    const stale = await granted(once, 1000);
    const error = await failureOf(
      stale.step('a', async () => {
        await clock.advance(1001);
        await granted(once, 5000).then((work) => work.step('a', () => 'of the owner'));
        return 'of the stale one';
      }),
    );
    expect(error.code).toBe('lease_lost');
    await clock.advance(5001);
    expect((await once.run(call, (work) => work.step('a', never))).value).toBe('of the owner');
  });
});

describe('a work that has ended', () => {
  test('begins no step: what it left running does not do what the next attempt does', async () => {
    const { once } = desk({ failures: 'release' });
    const effects: string[] = [];
    let leftRunning: Promise<unknown> = Promise.resolve();
    const failing = once.run(call, async (work) => {
      await work.step('order', () => 'o_1');
      leftRunning = once
        .run({ ...call, key: 'slow' }, () => 1)
        .then(() => work.step('ship', () => effects.push('late')));
      leftRunning.catch(() => undefined);
      throw new Error('no money');
    });
    await expect(failing).rejects.toThrow('no money');
    expect((await failureOf(leftRunning)).code).toBe('lease_lost');
    await once.run(call, (work) => work.step('ship', () => effects.push('once')));
    expect(effects).toEqual(['once']);
  });

  test.each(['complete', 'release'] as const)('by its %s begins no step', async (end) => {
    const { once } = desk();
    const claimed = await once.claim(call);
    if (claimed.outcome !== 'granted') throw new Error(claimed.outcome);
    await claimed[end](undefined);
    expect((await failureOf(claimed.work.step('a', never))).code).toBe('lease_lost');
  });
});

describe('a store that fails while a step is saved', () => {
  test.each(['fail', 'lose-reply'] as const)('once (%s): it is asked again', async (fault) => {
    const { once } = desk({}, [{ call: 1, method: 'saveStep', fault }]);
    expect((await once.run(call, (work) => work.step('a', () => 'kept'))).value).toBe('kept');
  });

  test('twice: the error says when, and the step runs again with the same key', async () => {
    const { once } = desk({ failures: 'release' }, [
      { call: 1, method: 'saveStep', fault: 'fail' },
      { call: 2, method: 'saveStep', fault: 'fail' },
    ]);
    const keys: string[] = [];
    const pay = (): Promise<unknown> =>
      once.run(call, (work) => work.step('charge', () => keys.push(work.key('charge'))));
    expect(await failureOf(pay())).toMatchObject({
      code: 'store_unavailable',
      details: { phase: 'work' },
      retryable: true,
    });
    await pay();
    expect(keys).toHaveLength(2);
    expect(new Set(keys).size).toBe(1);
  });
});

test('a store that cannot hold what all steps give together says so: it is not down, and no retry helps', async () => {
  const tooMuch = new IdempotencyError('outcome_too_large', 'the steps exceed a packet; give less', {
    bytes: 2,
    limitBytes: 1,
  });
  const saveStep = (): Promise<never> => Promise.reject(tooMuch);
  const once = createOnce({ store: { ...memory(), saveStep } });
  expect(await failureOf(once.run(call, (work) => work.step('a', () => 1)))).toBe(tooMuch);
});

describe('work.key', () => {
  test('can be sent as an Idempotency-Key, and is another for each name and operation', async () => {
    const { once } = desk();
    const names = ['charge', 'Charge', 'charge ', '', 'größe/支払い'];
    const one = await once.run(call, (work) => names.map((name) => work.key(name)));
    const other = await once.run({ ...call, key: 'order-18' }, (work) => names.map((name) => work.key(name)));
    const keys = [...one.value, ...other.value];
    expect(new Set(keys).size).toBe(keys.length);
    expect(keys.filter((key) => !/^[\w-]{43}$/.test(key))).toEqual([]);
  });
});
