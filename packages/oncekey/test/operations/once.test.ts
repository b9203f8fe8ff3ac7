/**
 * What a user of `createOnce` relies on, over the memory store with time held still.
 */
import { runInNewContext } from 'node:vm';
import { describe, expect, test, vi } from 'vitest';
import { createOnce, currentWork, IdempotencyError, memory, type Once, type OnceEvent } from '../../src/index.ts';
import type { OnceOptions } from '../../src/index.ts';
import type { Store } from '../../src/core/store.ts';
import { virtualClock, type VirtualClock } from '../../src/testing/virtual-clock.ts';

interface Desk {
  readonly once: Once;
  readonly clock: VirtualClock;
  readonly store: Store;
  readonly events: OnceEvent[];
}

function desk(options: Partial<OnceOptions> = {}, change: (store: Store) => Partial<Store> = () => ({})): Desk {
  const clock = virtualClock();
  const plain = memory({ clock });
  const store: Store = { ...plain, ...change(plain) };
  const events: OnceEvent[] = [];
  const once = createOnce({ store, clock, onEvent: (event) => events.push(event), ...options });
  return { once, clock, store, events };
}

const call = {
  scope: ['acme', 'billing'],
  operation: 'invoice.send',
  key: 'k-1',
  input: { total: 42, to: 'ada' },
} as const;

const never = (): never => {
  throw new Error('must not run');
};

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!IdempotencyError.is(error)) throw new Error(`expected an IdempotencyError, got ${String(error)}`);
  expect(error.message).toMatch(/^\[[a-z_]+\] .+; .+/);
  return error.code;
}

describe('run', () => {
  test('runs once and replays the value with its facts', async () => {
    const { once } = desk();
    const first = await once.run(call, (work) => ({ attempt: work.attempt, at: new Date(0), gone: undefined }));
    expect(first).toMatchObject({ status: 'executed', value: { attempt: 1, at: '1970-01-01T00:00:00.000Z' } });
    const repeat = await once.run(call, never);
    expect(repeat).toEqual({ ...first, status: 'replayed' });
    expect(repeat.record.completedAtMs).toBeTypeOf('number');
  });

  test.each([undefined, null, 0, '', [], 'é\u0000😀'])('the value %j comes back as it was', async (value) => {
    const { once } = desk();
    expect((await once.run(call, () => value)).value).toEqual(value);
    expect((await once.run(call, never)).value).toEqual(value);
  });

  test('100 at once: one runs', async () => {
    const { once } = desk({ inProgress: 'wait' });
    let runs = 0;
    const act = async (): Promise<number> => {
      await Promise.resolve();
      return (runs += 1);
    };
    const all = await Promise.all(Array.from({ length: 100 }, () => once.run(call, act)));
    expect(runs).toBe(1);
    expect(all.filter((result) => result.status === 'executed')).toHaveLength(1);
    expect(new Set(all.map((result) => result.value))).toEqual(new Set([1]));
  });

  test('the order of members makes no difference, other input does', async () => {
    const { once } = desk();
    await once.run(call, () => 1);
    expect((await once.run({ ...call, input: { to: 'ada', total: 42.0 } }, never)).status).toBe('replayed');
    expect(await codeOf(once.run({ ...call, input: { to: 'ada', total: 43 } }, never))).toBe('key_reused');
    expect(await once.get(call)).toMatchObject({ state: 'completed', value: 1, conflictCount: 1 });
  });

  test('input of which JSON would keep nothing is named, and not taken for other input', async () => {
    const { once } = desk();
    const input = { to: 'ada', lines: [{ amount: new PrivateAmount() }] };
    await expect(once.run({ ...call, input }, never)).rejects.toThrow(
      /lines\[0\]\.amount is a PrivateAmount, of which JSON keeps/,
    );
    const nameless = Object.create(Object.create(Object.create(null) as object) as object) as object;
    await expect(once.run({ ...call, input: nameless }, never)).rejects.toThrow('it is a thing');
    await expect(once.run({ ...call, input: new Set([1]) }, never)).rejects.toThrow('it is a Set, of which JSON keeps');
  });

  test('input may be empty, of no prototype, a class with members, or know its own JSON', async () => {
    const { once } = desk();
    const order = Object.assign(new PrivateAmount(), { total: 42 });
    const inputs = [
      {},
      [],
      { lines: [], to: {} },
      Object.create(null) as object,
      runInNewContext('({})') as object,
      order,
    ];
    for (const [at, input] of [...inputs, { at: new Date(0) }, Buffer.alloc(0)].entries()) {
      expect((await once.run({ ...call, key: `${at}`, input }, () => at)).value).toBe(at);
    }
  });

  test('scopes, operations and keys never meet', async () => {
    const { once } = desk();
    const names = [
      { scope: ['a', 'b:c'], key: 'k' },
      { scope: ['a:b', 'c'], key: 'k' },
      { scope: ['a', 'b'], key: 'k' },
      { scope: ['a'], operation: 'b', key: 'k' },
      { scope: ['a', undefined], operation: 'b', key: 'k' },
      { scope: 'public', operation: 'a', key: 'k' },
      { scope: 'public', key: 'k' },
    ] as const;
    for (const [at, name] of names.entries()) expect((await once.run(name, () => at)).value).toBe(at);
    for (const [at, name] of names.entries()) expect((await once.run(name, never)).value).toBe(at);
  });

  test('a duplicate of a running one is told to come again', async () => {
    const { once } = desk();
    await once.run(call, async () => {
      // Outside of the work's own flow: a real second request.
      const told = await new Promise<string>((resolve) => resolve(codeOf(outside(() => once.run(call, never)))));
      expect(told).toBe('in_progress');
    });
  });

  test('nested use with the same key is the same work (rule 16)', async () => {
    const { once } = desk();
    const outer = await once.run(call, async (work) => {
      const inner = await once.run(call, (same) => `inner ${same.attempt}`);
      expect(currentWork()).toBe(work);
      return inner.value;
    });
    expect(outer.value).toBe('inner 1');
  });

  test('a work that nobody is to find is only handed to its function', async () => {
    const { once } = desk();
    const { value } = await once.run({ ...call, currentWork: false }, (work) => [work.attempt, currentWork()]);
    expect(value).toEqual([1, null]);
    expect(() => createOnce({ store: memory(), currentWork: 'no' as never })).toThrow(
      'currentWork is "no"; use true or false',
    );
  });

  test('a throw reaches the first caller and is stored: an effect may exist', async () => {
    const { once } = desk();
    const broken = new Error('card reader on fire');
    await expect(once.run(call, () => Promise.reject(broken))).rejects.toBe(broken);
    expect(await codeOf(once.run(call, never))).toBe('work_failed');
    expect(await once.get(call)).toMatchObject({ failure: { message: 'card reader on fire' } });
  });

  test.each([
    ['no prototype', Object.create(null), 'Error', 'what was thrown has no text'],
    ['a message that throws', Object.defineProperty(new Error(), 'message', { get: never }), 'Error', /has no text/],
    ['a BigInt for its message', Object.assign(new Error(), { message: 17n }), 'Error', '17'],
    ['a number for its name', Object.assign(new Error('late'), { name: 17 }), '17', 'late'],
  ] as [string, unknown, string, string | RegExp][])(
    'a throw of something with %s reaches the first caller as it is, and is stored',
    async (_what, thrown, name, message) => {
      const { once } = desk();
      const caught = await once.run(call, () => Promise.reject(thrown)).catch((error: unknown) => error);
      expect(Object.is(caught, thrown)).toBe(true);
      const { failure } = (await once.get(call)) ?? {};
      expect(failure).toMatchObject({ name, message: expect.stringMatching(message) });
    },
  );

  test('a throw after work.release(), or with failures: release, may run again', async () => {
    const { once } = desk();
    const releasing = once.run(call, (work) => {
      work.release();
      throw new Error('nothing happened');
    });
    await expect(releasing).rejects.toThrow('nothing happened');
    await expect(once.run({ ...call, failures: 'release' }, never)).rejects.toThrow('must not run');
    expect((await once.run(call, () => 'ran')).value).toBe('ran');
  });

  test('a result that cannot be stored leaves a tombstone: the effect exists', async () => {
    const { once } = desk({ maxOutcomeBytes: 100 });
    expect(await codeOf(once.run(call, () => 1n))).toBe('outcome_unserializable');
    expect(await codeOf(once.run(call, never))).toBe('outcome_not_kept');
    const large = { ...call, key: 'large' };
    expect(await codeOf(once.run(large, () => 'x'.repeat(99)))).toBe('outcome_too_large');
    expect(await codeOf(once.run(large, never))).toBe('outcome_not_kept');
  });
});

/** Calls outside of the running work's asynchronous flow, as another request would. */
function outside<T>(act: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    outsideQueue.push(() => {
      act().then(resolve, reject);
    });
  });
}
const outsideQueue: (() => void)[] = [];
setInterval(() => {
  for (const act of outsideQueue.splice(0)) act();
}, 1).unref();

class PrivateAmount {
  readonly #cents = 42;
  get cents(): number {
    return this.#cents;
  }
}

describe('names', () => {
  test.each([
    [{ ...call, key: undefined as never }, 'key_missing', 'key'],
    [{ ...call, key: ' ' }, 'key_invalid', 'key'],
    [{ ...call, key: 'x'.repeat(256) }, 'key_invalid', 'key'],
    [{ ...call, operation: '' }, 'field_invalid', 'operation'],
    [{ ...call, owner: '  ' }, 'field_invalid', 'owner'],
    [{ ...call, eventId: '' }, 'field_invalid', 'eventId'],
    [{ ...call, scope: ['acme', ' '] }, 'field_invalid', 'scope[1]'],
    [{ ...call, scope: [undefined] }, 'scope_missing', 'scope'],
    [{ ...call, scope: undefined as never }, 'scope_missing', 'scope'],
    [{ ...call, fingerprint: '' }, 'field_invalid', 'fingerprint'],
    [{ ...call, input: 1n }, 'field_invalid', 'input'],
    [{ ...call, input: new Map([['total', 42]]) }, 'field_invalid', 'input'],
    [{ ...call, input: { to: ['ada', new PrivateAmount()] } }, 'field_invalid', 'input'],
  ])('%# is refused with the field named', async (bad, code, field) => {
    const { once, store } = desk();
    const error: unknown = await once.run(bad, never).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code, details: { field } });
    expect(await store.list?.({ limit: 10 })).toEqual({ records: [], cursor: null });
  });

  test('without a call, or a function to run, nothing is claimed', async () => {
    const { once, store } = desk();
    const none = undefined as never;
    const acts = [
      () => once.run(call, none),
      () => once.atomic({ transaction: never, isConflict: () => false }, call, none),
    ];
    for (const act of [...acts, () => once.within(never, call, none)])
      await expect(act()).rejects.toThrow(/^act is missing/);
    const calls = [
      () => once.run(none, never),
      () => once.claim(none),
      () => once.complete(none),
      () => once.get(none),
    ];
    for (const act of [...calls, () => once.resolve(none), () => once.erase(none)])
      await expect(act()).rejects.toThrow(/^call is missing/);
    await expect(once.within(none, call, never)).rejects.toThrow(/^execute is no executor/);
    expect(await store.list?.({ limit: 10 })).toEqual({ records: [], cursor: null });
  });

  test('are trimmed', async () => {
    const { once } = desk();
    await once.run({ ...call, key: ' k-1 ', owner: ' till 4 ', eventId: 'e1' }, () => 1);
    expect(await once.get(call)).toMatchObject({
      key: 'k-1',
      owner: 'till 4',
      eventId: 'e1',
      scope: ['acme', 'billing'],
    });
  });

  test('wrong options are named at construction', () => {
    const store = memory();
    expect(() => createOnce({} as never)).toThrow(/store is missing/);
    expect(() => createOnce({ store, leaseMs: 0 })).toThrow(/leaseMs/);
    expect(() => createOnce({ store, retentionMs: 1.5 })).toThrow(/retentionMs/);
    expect(() => createOnce({ store, abandoned: 'maybe' as never })).toThrow(/abandoned.*'rerun' or 'hold'/);
    for (const storeTimeoutMs of [0, Number.NaN, '2000' as never, null as never])
      expect(() => createOnce({ store, storeTimeoutMs })).toThrow(/storeTimeoutMs is .*; use a whole number/);
  });
});

describe('steps', () => {
  test('a step that was saved does not run again after a crash, and keys are stable', async () => {
    const { once, clock } = desk({ leaseMs: 1000 });
    const claimed = await once.claim({ ...call, expiresInMs: 1000 });
    if (claimed.outcome !== 'granted') throw new Error(claimed.outcome);
    expect(await claimed.work.step('charge', () => ({ id: 'ch_1' }))).toEqual({ id: 'ch_1' });
    const key = claimed.work.key('charge');
    await clock.advance(1001);
    const resumed = await once.run(call, async (work) => {
      expect(work.attempt).toBe(2);
      expect(work.key('charge')).toBe(key);
      expect(work.key('mail')).not.toBe(key);
      return work.step('charge', never);
    });
    expect(resumed.value).toEqual({ id: 'ch_1' });
    await expect(claimed.work.step('late', () => 1)).rejects.toMatchObject({ code: 'lease_lost' });
    expect(await codeOf(claimed.complete(1).then(() => 1))).toBe('lease_lost');
  });

  test('a name stands for one step', async () => {
    const { once } = desk();
    const twice = once.run(call, async (work) => {
      await work.step('a', () => 1);
      await work.step('a', () => 2);
    });
    await expect(twice).rejects.toMatchObject({ code: 'step_invalid', details: { step: 'a' } });
  });

  test('released with steps: the next attempt goes on from them', async () => {
    const { once } = desk({ failures: 'release' });
    const failing = once.run(call, async (work) => {
      await work.step('a', () => 'done');
      throw new Error('later');
    });
    await expect(failing).rejects.toThrow('later');
    expect(await once.get(call)).toMatchObject({ state: 'open', stepNames: ['a'] });
    expect(await once.run(call, (work) => work.step('a', never))).toMatchObject({
      value: 'done',
      record: { attempt: 2 },
    });
  });
});

describe('claim and complete', () => {
  test('from another process, by token, with words', async () => {
    const { once } = desk();
    const claimed = await once.claim({ ...call, owner: 'worker 1', expiresInMs: 60_000 });
    if (claimed.outcome !== 'granted') throw new Error(claimed.outcome);
    expect(await once.claim(call)).toMatchObject({ outcome: 'in-progress' });
    const words = {
      kind: 'accepted',
      refs: [
        { kind: 'delivery', id: 'd1' },
        { kind: 'run', id: 'r1' },
      ],
      details: { n: 1 },
    };
    expect(await once.complete({ ...call, token: 'not it', value: 1 })).toEqual({ kind: 'lost' });
    const done = await once.complete({ ...call, token: claimed.token, value: { ok: true }, ...words });
    expect(done).toMatchObject({ kind: 'stored' });
    expect(await once.complete({ ...call, token: claimed.token, value: 2 })).toEqual({ ...done, kind: 'already' });
    expect(await once.claim(call)).toMatchObject({ outcome: 'completed', value: { ok: true }, record: words });
    expect(await once.claim({ ...call, input: 'other' })).toMatchObject({
      outcome: 'conflict',
      attempt: 1,
      record: words,
    });
    expect(await once.get(call)).toMatchObject({ ...words, owner: 'worker 1', state: 'completed' });
  });

  test.each([
    [{ kind: ' ' }, 'kind'],
    [{ kind: 5 as never }, 'kind'],
    [{ refs: 'd1' as never }, 'refs'],
    [{ refs: ['a', 'b', 'c'].map((id) => ({ kind: 'delivery', id })) }, 'refs'],
    [{ refs: [{ kind: 'delivery', id: '' }] }, 'refs[0].id'],
    [{ refs: [{ kind: 'delivery', id: 'd1' }, { kind: 'run' } as never] }, 'refs[1].id'],
    [{ refs: [undefined as never] }, 'refs[0].kind'],
    [{ details: { n: 1n } }, 'details'],
    [{ details: () => 1 }, 'details'],
    [{ details: 'x'.repeat(101) }, 'details'],
  ])('words %# are refused with the field named, and the value is kept', async (words, field) => {
    const { once } = desk({ maxOutcomeBytes: 100 });
    const here = await once.claim(call);
    if (here.outcome !== 'granted') throw new Error(here.outcome);
    await expect(here.complete({ ok: true }, words)).rejects.toMatchObject({
      code: 'field_invalid',
      details: { field },
    });
    expect(await once.claim(call)).toMatchObject({ outcome: 'completed', value: { ok: true }, record: { refs: [] } });
    const elsewhere = { ...call, key: 'elsewhere' };
    const there = await once.claim({ ...elsewhere, expiresInMs: 60_000 });
    if (there.outcome !== 'granted') throw new Error(there.outcome);
    const done = once.complete({ ...elsewhere, token: there.token, value: 7, ...words });
    await expect(done).rejects.toMatchObject({ code: 'field_invalid', details: { field } });
    expect(await once.claim(elsewhere)).toMatchObject({ outcome: 'completed', value: 7 });
  });

  test('words are trimmed, and details are what JSON makes of them, in the first answer too', async () => {
    const { once } = desk();
    const claimed = await once.claim(call);
    if (claimed.outcome !== 'granted') throw new Error(claimed.outcome);
    const given = {
      kind: ' accepted ',
      refs: [{ kind: ' run', id: 'r1 ' }],
      details: { at: new Date(0), no: undefined },
    };
    const told = { kind: 'accepted', refs: [{ kind: 'run', id: 'r1' }], details: { at: '1970-01-01T00:00:00.000Z' } };
    expect(await claimed.complete(1, given)).toMatchObject(told);
    expect((await once.get(call))?.details).toEqual(told.details);
    expect(await once.claim(call)).toMatchObject({ outcome: 'completed', record: told });
  });

  test('a value that cannot be kept leaves a tombstone from another process too: nothing runs again', async () => {
    const { once, clock } = desk();
    const claimed = await once.claim({ ...call, expiresInMs: 60_000 });
    if (claimed.outcome !== 'granted') throw new Error(claimed.outcome);
    const done = once.complete({ ...call, token: claimed.token, value: 1n });
    await expect(done).rejects.toMatchObject({ code: 'outcome_unserializable' });
    await clock.advance(120_000);
    expect(await once.claim(call)).toMatchObject({ outcome: 'not-kept', reason: 'unserializable' });
  });

  test('a completion without a token names the field', async () => {
    const { once } = desk();
    const done = once.complete({ ...call, token: undefined as never, value: 1 });
    await expect(done).rejects.toMatchObject({ code: 'field_invalid', details: { field: 'token' } });
  });

  test('in the same process, with a heartbeat, and given back', async () => {
    const { once, clock } = desk();
    const claimed = await once.claim(call);
    if (claimed.outcome !== 'granted') throw new Error(claimed.outcome);
    await clock.advance(300_000);
    expect(await once.claim(call)).toMatchObject({ outcome: 'in-progress' });
    await claimed.release();
    expect(await once.get(call)).toBeUndefined();
    expect(await once.claim(call)).toMatchObject({ outcome: 'granted', attempt: 1 });
  });
});

describe('operators', () => {
  test('hold, then resolve by outcome or by rerun, naming the revision that was seen (I15)', async () => {
    const { once, clock, events } = desk({ abandoned: 'hold' });
    for (const key of ['paid', 'unpaid']) {
      await once.claim({ ...call, key, expiresInMs: 1000 });
      await clock.advance(1);
    }
    await clock.advance(1000);
    expect(await codeOf(once.run({ ...call, key: 'paid' }, never))).toBe('outcome_unknown');
    const { records } = await once.list({ state: 'abandoned', scope: ['acme', 'billing'] });
    expect(records.map((record) => record.key)).toEqual(['paid', 'unpaid']);
    const seenRevision = records[0]?.revision ?? -1;
    const decision = { value: { id: 'ch_9' } };
    expect(await once.resolve({ ...call, key: 'paid', seenRevision: seenRevision + 1, decision, by: 'ada' })).toEqual({
      kind: 'changed',
    });
    expect(await once.resolve({ ...call, key: 'paid', seenRevision, decision, by: 'ada' })).toEqual({
      kind: 'resolved',
    });
    expect(await once.resolve({ ...call, key: 'paid', seenRevision, decision, by: 'ada' })).toEqual({
      kind: 'changed',
    });
    expect((await once.run({ ...call, key: 'paid' }, never)).value).toEqual({ id: 'ch_9' });
    await once.resolve({ ...call, key: 'unpaid', seenRevision, decision: 'rerun', by: 'ada' });
    expect((await once.run({ ...call, key: 'unpaid' }, (work) => work.attempt)).value).toBe(2);
    expect(await once.resolve({ ...call, key: 'none', seenRevision, decision: 'rerun', by: 'ada' })).toEqual({
      kind: 'absent',
    });
    expect(events.filter((event) => event.kind === 'resolved')).toHaveLength(2);
    expect((await once.get({ ...call, key: 'paid' }))?.timeline).toMatchObject([
      { what: 'resolved', detail: expect.stringContaining('ada') },
    ]);
  });

  test.each([
    [{ decision: 'again' as never }, 'decision'],
    [{ decision: null as never }, 'decision'],
    [{ decision: {} as never }, 'decision'],
    [{ seenRevision: undefined as never }, 'seenRevision'],
    [{ by: ' ' }, 'by'],
  ])('a decision %# that cannot be carried out names the field and decides nothing', async (bad, field) => {
    const { once, clock, events } = desk({ abandoned: 'hold' });
    await once.claim({ ...call, expiresInMs: 1000 });
    await clock.advance(1001);
    const seenRevision = (await once.get(call))?.revision ?? -1;
    const asked = { ...call, seenRevision, decision: 'rerun', by: 'ada', ...bad } as const;
    await expect(once.resolve(asked)).rejects.toMatchObject({ code: 'field_invalid', details: { field } });
    expect(await once.get(call)).toMatchObject({ state: 'abandoned', revision: seenRevision });
    expect(events.filter((event) => event.kind === 'resolved')).toEqual([]);
  });

  test.each([
    ['throws', never],
    ['rejects', () => Promise.reject(new Error('must not run')) as never],
  ])('an observer that %s keeps nobody from his answer, and is warned of', async (_what, onEvent) => {
    const warned = vi.spyOn(process, 'emitWarning').mockReturnValue();
    const { once, clock } = desk({ abandoned: 'hold', onEvent });
    await once.claim({ ...call, expiresInMs: 1000 });
    await clock.advance(1001);
    const seenRevision = (await once.get(call))?.revision ?? -1;
    const decision = { value: 'paid' };
    expect(await once.resolve({ ...call, seenRevision, decision, by: 'ada' })).toEqual({ kind: 'resolved' });
    expect(await once.erase(call)).toEqual({ kind: 'erased' });
    const down = desk({ storeDown: 'pass', onEvent }, () => ({ claim: never }));
    expect((await down.once.run(call, () => 'ran')).value).toBe('ran');
    expect(warned.mock.calls.length).toBeGreaterThan(3);
    warned.mockRestore();
  });

  test('erase leaves a tombstone, and a late retry does not run (I14)', async () => {
    const { once } = desk();
    await once.run({ ...call, owner: 'ada' }, () => 'secret');
    expect(await once.erase(call)).toEqual({ kind: 'erased' });
    expect(await codeOf(once.run(call, never))).toBe('outcome_not_kept');
    const left = await once.get(call);
    expect(left).toMatchObject({
      state: 'erased',
      key: '',
      owner: null,
      fingerprint: null,
      notKept: { reason: 'erased' },
    });
    expect(JSON.stringify(left)).not.toContain('secret');
  });

  test('sweep removes what has expired, never a live reservation (I13)', async () => {
    const { once, clock } = desk({ retentionMs: 1000 });
    await once.run(call, () => 1);
    await once.claim({ ...call, key: 'live' });
    await clock.advance(1001);
    expect(await once.sweep()).toEqual({ removed: 1, more: false });
    expect(await once.get({ ...call, key: 'live' })).toMatchObject({ state: 'in-progress' });
  });

  test.each([
    ['state', 'done'],
    ['scope', 'public'],
    ['scope', ['acme', undefined]],
    ['operation', 17n],
    ['key', 'a\0b'],
    ['keyPrefix', '\ud83d'],
    ['cursor', null],
    ['olderThanMs', Number.NaN],
    ['olderThanMs', '5'],
    ['limit', '5'],
  ])('a filter %s that is %o is named, and never one that matches nothing', async (field, value) => {
    const { once } = desk({}, () => ({ list: never }));
    const listed = once.list({ [field]: value });
    await expect(listed).rejects.toMatchObject({ code: 'field_invalid', details: { field } });
  });

  test('filters that are left out, or are no filters', async () => {
    const { once } = desk();
    await once.run(call, () => 1);
    const absent = { state: undefined, limit: undefined, cursor: undefined } as object;
    expect((await once.list(absent)).records).toHaveLength(1);
    for (const none of ['abandoned', null]) expect(await codeOf(once.list(none as never))).toBe('field_invalid');
  });

  test.each([0, -1, 1.5, Number.NaN, '5' as never])('a sweep of at most %s is refused', async (limit) => {
    const { once } = desk({}, () => ({ sweep: never }));
    expect(await codeOf(once.sweep(limit))).toBe('field_invalid');
  });

  test('a store without a method says so', async () => {
    const { once } = desk({}, () => ({ list: undefined as never }));
    await expect(once.list()).rejects.toThrow(/memory store has no list/);
  });
});

describe('a store that is down', () => {
  const down = (): never => {
    throw new Error('ECONNREFUSED');
  };

  test('at claim: nothing runs; or, opted in, it runs unprotected and an event says so', async () => {
    const { once } = desk({}, () => ({ claim: down }));
    expect(await codeOf(once.run(call, never))).toBe('store_unavailable');
    const open = desk({ storeDown: 'pass' }, () => ({ claim: down }));
    const ran = await open.once.run(call, (work) => work.step('a', () => work.attempt));
    expect(ran).toMatchObject({ status: 'executed', value: 1, record: { completedAtMs: null } });
    expect(open.events.at(-1)).toMatchObject({ kind: 'unprotected' });
  });

  test('at completion: the result goes out unrecorded; or, by choice, an error', async () => {
    const answered = desk({}, () => ({ complete: down }));
    const going = answered.once.run(call, () => 'charged');
    await answered.clock.advance(2500);
    expect(await going).toMatchObject({ value: 'charged', record: { completedAtMs: null } });
    const strict = desk({ unrecorded: 'break' }, () => ({ complete: down }));
    const broken = codeOf(strict.once.run(call, () => 'charged'));
    await strict.clock.advance(2500);
    expect(await broken).toBe('store_unavailable');
  });

  test('at reads: an error with its cause', async () => {
    const { once } = desk({}, () => ({ read: down }));
    await expect(once.get(call)).rejects.toMatchObject({
      code: 'store_unavailable',
      retryable: true,
      cause: { message: 'ECONNREFUSED' },
    });
  });
});
