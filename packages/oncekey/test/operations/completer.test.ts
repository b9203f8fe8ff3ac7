/**
 * A completer over the memory store with time held still: what it finishes, what it leaves
 * alone, how it waits, and how it ends. Real crashes are in steps.system.test.ts.
 */
import { scheduler } from 'node:timers/promises';
import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  createCompleter,
  createOnce,
  memory,
  type Completer,
  type CompleterEvent,
  type Once,
} from '../../src/index.ts';
import type { CompleterOptions, OnceOptions, Store } from '../../src/index.ts';
import { recordId } from '../../src/core/key.ts';
import { noLabels } from '../../src/core/store.ts';
import { virtualClock, type VirtualClock } from '../../src/testing/virtual-clock.ts';

const never = (): never => {
  throw new Error('must not run');
};

interface Desk {
  readonly once: Once;
  readonly clock: VirtualClock;
  readonly events: CompleterEvent[];
  start(handlers: CompleterOptions['handlers'], options?: Partial<CompleterOptions>): Completer;
  /** Leaves an operation behind, abandoned, after `steps` steps. */
  abandon(key: string, steps?: number, operation?: string): Promise<void>;
}

const leaseMs = 1000;
const completers: Completer[] = [];
afterEach(async () => {
  await Promise.all(completers.splice(0).map((completer) => completer.stop()));
});

function desk(options: Partial<OnceOptions> = {}, change: (store: Store) => Partial<Store> = () => ({})): Desk {
  const clock = virtualClock();
  const plain = memory({ clock });
  const once = createOnce({ store: { ...plain, ...change(plain) }, clock, ...options });
  const events: CompleterEvent[] = [];
  return {
    once,
    clock,
    events,
    start(handlers, over = {}) {
      const completer = createCompleter({ once, clock, handlers, onEvent: (event) => events.push(event), ...over });
      completers.push(completer);
      return completer;
    },
    async abandon(key, steps = 0, operation = 'order.pay') {
      const claimed = await once.claim({ scope: ['acme'], operation, key, input: { key }, expiresInMs: leaseMs });
      if (claimed.outcome !== 'granted') throw new Error(claimed.outcome);
      for (let at = 1; at <= steps; at += 1) await claimed.work.step(`step ${at}`, () => `${key} ${at}`);
      await clock.advance(leaseMs + 1);
    },
  };
}

const name = (key: string) => ({ scope: ['acme'], operation: 'order.pay', key });

describe('finishing', () => {
  test('goes on after the last step, as the next attempt, and everybody gets its value', async () => {
    const { once, start, abandon, events } = desk();
    await abandon('order-17', 1);
    const completer = start({
      'order.pay': async (record, work) => {
        const first = await work.step('step 1', never);
        return { first, key: record.key, attempt: work.attempt };
      },
    });
    await completer.look();
    const value = { first: 'order-17 1', key: 'order-17', attempt: 2 };
    expect((await once.run({ ...name('order-17'), input: { key: 'order-17' } }, never)).value).toEqual(value);
    expect(events).toMatchObject([{ kind: 'finished', attempt: 2, record: { key: 'order-17', attempt: 1 } }]);
  });

  test('leaves alone what its labels do not name: a trimmed key is another operation', async () => {
    const clock = virtualClock();
    const store = memory({ clock });
    const once = createOnce({ store, clock });
    const labels = { ...noLabels, scope: ['acme'], operation: 'order.pay', key: ' order-17 ' };
    const id = recordId(labels.scope, labels.operation, labels.key);
    const ask = { id, token: 't', fingerprint: null, leaseMs, ifAbandoned: 'rerun', keepMs: null, labels } as const;
    store.claim(ask);
    await clock.advance(leaseMs + 1);
    const events: CompleterEvent[] = [];
    const onEvent = (event: CompleterEvent) => events.push(event);
    const completer = createCompleter({ once, clock, handlers: { 'order.pay': never }, onEvent });
    completers.push(completer);
    await completer.look();
    expect(events).toMatchObject([{ kind: 'refused', error: { code: 'field_invalid', details: { field: 'key' } } }]);
    expect((await once.list()).records).toMatchObject([{ id, state: 'abandoned', attempt: 1 }]);
  });

  test('happens by itself, look after look', async () => {
    const { once, clock, start, abandon } = desk();
    start({ 'order.pay': (record) => record.key }, { pauseMs: 5000 });
    await clock.advance(1);
    await abandon('a');
    await clock.advance(5000);
    expect(await once.get(name('a'))).toMatchObject({ state: 'completed', value: 'a' });
  });

  test('an optional level of the scope stays what it was', async () => {
    const { once, clock, start } = desk();
    for (const scope of [['acme', undefined], [], ['acme']] as const) {
      await once.claim({ scope, operation: 'order.pay', key: 'k', expiresInMs: leaseMs });
    }
    await clock.advance(leaseMs + 1);
    await start({ 'order.pay': (record) => record.scope }).look();
    expect((await once.run({ ...name('k'), scope: ['acme', undefined] }, never)).value).toEqual(['acme', '']);
    expect((await once.run({ ...name('k'), scope: 'public' }, never)).value).toEqual([]);
    expect((await once.run(name('k'), never)).value).toEqual(['acme']);
  });

  test('leaves alone what is not registered, what runs and what is done', async () => {
    const { once, start, abandon, events } = desk();
    await abandon('other', 0, 'mail.send');
    await once.claim({ ...name('running'), expiresInMs: 1_000_000 });
    await once.run(name('done'), () => 1);
    await start({ 'order.pay': never }).look();
    expect(events).toEqual([]);
    expect(await once.get({ ...name('other'), operation: 'mail.send' })).toMatchObject({ state: 'abandoned' });
  });

  test('reaches every page, a bounded number at a time', async () => {
    const { once, start, clock } = desk();
    for (let at = 0; at < 250; at += 1) await once.claim({ ...name(`k${at}`), expiresInMs: leaseMs });
    await clock.advance(leaseMs + 1);
    let [running, most, done] = [0, 0, 0];
    const handler = async (): Promise<void> => {
      most = Math.max(most, (running += 1));
      await scheduler.yield();
      running -= 1;
      done += 1;
    };
    await start({ 'order.pay': handler }, { concurrency: 3 }).look();
    expect({ most, done }).toEqual({ most: 3, done: 250 });
  });

  test('two at once: one finishes', async () => {
    const { start, abandon, events } = desk();
    await abandon('a');
    let runs = 0;
    const handler = (): number => (runs += 1);
    await Promise.all([start({ 'order.pay': handler }).look(), start({ 'order.pay': handler }).look()]);
    expect(runs).toBe(1);
    expect(events.map(({ kind }) => kind).toSorted()).toEqual(['finished', 'refused']);
  });
});

describe('a handler that fails', () => {
  test('is tried again after growing pauses, keeps its steps, and finishes', async () => {
    const { once, clock, start, abandon, events } = desk();
    await abandon('a');
    let charges = 0;
    const completer = start(
      {
        'order.pay': async (_record, work) => {
          await work.step('charge', () => (charges += 1));
          if (work.attempt < 4) throw new Error(`attempt ${work.attempt}`);
          return 'paid';
        },
      },
      { pauseMs: 1_000_000, backoffMs: 100 },
    );
    await completer.look();
    await completer.look();
    expect(events).toMatchObject([{ kind: 'failed', retryInMs: 100, error: { message: 'attempt 2' } }]);
    await clock.advance(100);
    await completer.look();
    expect(events[1]).toMatchObject({ kind: 'failed', retryInMs: 200 });
    await clock.advance(200);
    await completer.look();
    expect(events[2]).toMatchObject({ kind: 'finished', attempt: 4 });
    expect(charges).toBe(1);
    expect((await once.get(name('a')))?.value).toBe('paid');
  });

  test('for the last time leaves its failure as the outcome', async () => {
    const { once, clock, start, abandon, events } = desk();
    await abandon('a');
    const completer = start({ 'order.pay': never }, { maxAttempts: 3, backoffMs: 1, pauseMs: 1_000_000 });
    await completer.look();
    await clock.advance(1);
    await completer.look();
    expect(events.map(({ kind }) => kind)).toEqual(['failed', 'gave-up']);
    await expect(once.run(name('a'), () => 1)).rejects.toMatchObject({ code: 'work_failed' });
  });

  test('what a handler returned and cannot be kept is over, and told so', async () => {
    const { once, events, start, abandon } = desk();
    await abandon('a');
    await start({ 'order.pay': () => 1n }).look();
    expect(events).toMatchObject([{ kind: 'gave-up', error: { code: 'outcome_unserializable' } }]);
    expect(await once.claim({ scope: ['acme'], operation: 'order.pay', key: 'a' })).toMatchObject({
      outcome: 'not-kept',
    });
  });

  test('what a handler releases is not finished, and waits longer each time', async () => {
    const { events, start, abandon } = desk();
    await abandon('a', 1);
    const completer = start({ 'order.pay': (_record, work) => work.release() });
    await completer.look();
    await completer.look();
    expect(events).toMatchObject([
      { kind: 'failed', retryInMs: 1000, error: { message: expect.stringMatching(/released/) } },
    ]);
  });
});

test('what policy holds for an operator stays held (I8)', async () => {
  const { once, start, abandon, events } = desk({ abandoned: 'hold' });
  await abandon('a');
  await start({ 'order.pay': never }).look();
  expect(events).toMatchObject([{ kind: 'refused', error: { code: 'outcome_unknown' } }]);
  expect(await once.get(name('a'))).toMatchObject({ state: 'abandoned', attempt: 1 });
});

test('stop waits for what runs and starts nothing more', async () => {
  const { clock, start, abandon, events } = desk();
  await abandon('a');
  await abandon('b');
  let finish: (() => void) | undefined;
  const handler = (): Promise<void> => new Promise((resolve) => (finish = resolve));
  const completer = start({ 'order.pay': handler }, { concurrency: 1 });
  await clock.advance(1);
  let stopped = false;
  const stopping = completer.stop().then(() => (stopped = true));
  await clock.advance(60_000);
  expect(stopped).toBe(false);
  finish?.();
  await stopping;
  await clock.advance(600_000);
  expect(events.map(({ kind }) => kind)).toEqual(['finished']);
});

describe('a store that does not answer', () => {
  const down = (): never => {
    throw new Error('ECONNREFUSED');
  };

  test('is asked at growing pauses, and finishing goes on when it is back', async () => {
    let broken = true;
    const { once, clock, start, abandon, events } = desk({}, (plain) => ({
      list: (ask) => (broken ? down() : (plain.list?.(ask) ?? down())),
    }));
    await abandon('a');
    start({ 'order.pay': () => 'paid' }, { pauseMs: 10_000 });
    await clock.advance(70_001);
    expect(events).toMatchObject([{ retryInMs: 20_000 }, { retryInMs: 40_000 }, { retryInMs: 60_000 }]);
    broken = false;
    await clock.advance(60_000);
    expect(await once.get(name('a'))).toMatchObject({ value: 'paid' });
  });

  test('is a process warning where nobody listens', async () => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const { start } = desk({}, () => ({ list: down }));
    await start({ 'order.pay': never }, { onEvent: undefined as never }).look();
    expect(warned).toHaveBeenCalledWith(expect.objectContaining({ code: 'store_unavailable' }));
    warned.mockRestore();
  });
});

test('wrong options are named', () => {
  const { once, start } = desk();
  expect(() => createCompleter({} as never)).toThrow(/once is missing/);
  expect(() => createCompleter({ once, handlers: {} })).toThrow(/handlers is empty/);
  expect(() => start({ 'order.pay': 1 as never })).toThrow(/handlers\["order.pay"\] is not a function/);
  expect(() => start({ ' ': never })).toThrow(/handlers is blank/);
  expect(() => start({ a: never }, { concurrency: 0 })).toThrow(/concurrency is 0/);
  expect(() => start({ a: never }, { backoffMs: 1.5 })).toThrow(/backoffMs is 1.5/);
});
