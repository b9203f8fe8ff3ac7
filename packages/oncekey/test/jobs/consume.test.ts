/**
 * What a queue is told of a message in every case, over the memory store; real queues are in
 * the files beside this one.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test, vi } from 'vitest';
import {
  createOnce,
  currentWork,
  IdempotencyError,
  memory,
  type Once,
  type OnceOptions,
  type Store,
  type Work,
} from '../../src/index.ts';
import { consume, type ConsumeOptions, type JobAnswer, type JobHandler } from '../../src/jobs/index.ts';
import { virtualClock, type VirtualClock } from '../../src/testing/virtual-clock.ts';

interface Message {
  readonly id?: string;
  readonly to: string;
}

interface Desk {
  readonly once: Once;
  readonly clock: VirtualClock;
  take<T>(
    handler: JobHandler<Message, T>,
    over?: Partial<ConsumeOptions<Message>>,
  ): (m: Message) => Promise<JobAnswer<T>>;
}

function desk(options: Partial<OnceOptions> = {}, change: Partial<Store> = {}): Desk {
  const clock = virtualClock();
  const once = createOnce({ store: { ...memory({ clock }), ...change }, clock, ...options });
  const naming = {
    key: (m: Message) => m.id as string,
    scope: ['mail'],
    operation: 'mail.send',
    input: (m: Message) => m.to,
  };
  return { once, clock, take: (handler, over = {}) => consume(handler, { once, ...naming, ...over }) };
}

const message: Message = { id: 'job-1', to: 'ada' };
const never = (): never => {
  throw new Error('must not run');
};

describe('a message', () => {
  test('that is done is acknowledged, now and whenever it comes again', async () => {
    const { take } = desk();
    expect(await take((m) => m.to)(message)).toEqual({ kind: 'done', value: 'ada', replayed: false });
    expect(await take(never)(message)).toEqual({ kind: 'done', value: 'ada', replayed: true });
  });

  test('hands its work to the handler, and lets `currentWork()` find it where that is asked for', async () => {
    const { take } = desk();
    const seen = (_: Message, work: Work): boolean[] => [work.attempt === 1, currentWork() === work];
    expect(await take(seen)(message)).toMatchObject({ value: [true, false] });
    expect(await take(seen, { currentWork: true })({ ...message, id: 'job-2' })).toMatchObject({ value: [true, true] });
  });

  test('switches no hook of every promise on in a process that does nothing else', async () => {
    const script = `
      import { executionAsyncResource } from 'node:async_hooks';
      import { memory } from 'oncekey';
      import { consume } from 'oncekey/jobs';
      const take = consume(() => 1, { store: memory(), key: (id) => id, scope: 'public' });
      await take('a');
      // Hooks would have given every promise a resource of its own.
      await Promise.resolve().then(() => console.log(executionAsyncResource() instanceof Promise));
    `;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
    expect(stdout.trim()).toBe('false');
  });

  test('picked up a hundred times at once runs once; the others come later', async () => {
    const { take } = desk();
    let runs = 0;
    const one = take(async () => {
      runs += 1;
      await Promise.resolve();
    });
    const answers = await Promise.all(Array.from({ length: 100 }, () => one(message)));
    expect(runs).toBe(1);
    expect(answers.filter(({ kind }) => kind === 'done')).toHaveLength(1);
    expect(answers.filter(({ kind }) => kind === 'later')).toHaveLength(99);
    expect(answers.find(({ kind }) => kind === 'later')).toMatchObject({
      afterMs: 1000,
      error: { code: 'in_progress' },
    });
  });

  test('whose handler throws is released, and the next delivery runs', async () => {
    const { once, take } = desk();
    const broken = new Error('smtp down');
    expect(await take(() => Promise.reject(broken))(message)).toEqual({ kind: 'failed', error: broken });
    expect(await once.get({ scope: ['mail'], operation: 'mail.send', key: 'job-1' })).toBeUndefined();
    expect(await take(() => 'sent')(message)).toMatchObject({ kind: 'done', replayed: false });
  });

  test('that fails after a completed step does not run that step again', async () => {
    const { take } = desk();
    let sent = 0;
    const one = take(async (_m, work) => {
      await work.step('send', () => (sent += 1));
      if (work.attempt === 1) throw new Error('after the step');
      return work.attempt;
    });
    expect((await one(message)).kind).toBe('failed');
    expect(await one(message)).toMatchObject({ kind: 'done', value: 2 });
    expect(sent).toBe(1);
  });

  test.each<[string, unknown, string]>([
    ['no id', undefined, 'key_missing'],
    ['a blank id', ' ', 'key_invalid'],
    ['an id that is a number', 7, 'key_invalid'],
    ['an over-long id', 'x'.repeat(256), 'key_invalid'],
  ])('with %s is refused with a clear error, and nothing is claimed', async (_what, id, code) => {
    const { once, take } = desk();
    expect(await take(never)({ ...message, id: id as string })).toMatchObject({ kind: 'refused', error: { code } });
    expect((await once.list()).records).toEqual([]);
  });

  test('with the id of another one is refused (I6)', async () => {
    const { take } = desk();
    await take(() => 1)(message);
    const answer = await take(never)({ ...message, to: 'bob' });
    expect(answer).toMatchObject({ kind: 'refused', error: { code: 'key_reused' } });
  });

  test('whose result cannot be kept is refused once and then done: the effect exists', async () => {
    const { take } = desk();
    const one = take(() => 1n);
    expect(await one(message)).toMatchObject({ kind: 'refused', error: { code: 'outcome_unserializable' } });
    expect(await one(message)).toEqual({ kind: 'done', value: undefined, replayed: true });
  });

  test('held for an operator comes again after a minute', async () => {
    const { once, clock, take } = desk({ abandoned: 'hold' });
    await once.claim({ scope: ['mail'], operation: 'mail.send', key: 'job-1', expiresInMs: 1000 });
    await clock.advance(1001);
    const answer = await take(never)(message);
    expect(answer).toMatchObject({ kind: 'later', afterMs: 60_000, error: { code: 'outcome_unknown' } });
  });

  test('of a dead worker is taken over when the lease is over', async () => {
    const { once, clock, take } = desk();
    await once.claim({ scope: ['mail'], operation: 'mail.send', key: 'job-1', input: 'ada', expiresInMs: 1000 });
    expect((await take(never)(message)).kind).toBe('later');
    await clock.advance(1001);
    expect(await take((_m, work) => work.attempt)(message)).toMatchObject({ kind: 'done', value: 2 });
  });

  test('comes later while the store is down, and nothing runs', async () => {
    const { take } = desk({}, { claim: () => Promise.reject(new Error('ECONNREFUSED')) });
    expect(await take(never)(message)).toMatchObject({ kind: 'later', error: { code: 'store_unavailable' } });
  });

  test('comes later when its handler lost the lease', async () => {
    const { take } = desk({}, { saveStep: () => ({ kind: 'lost' }), release: () => ({ kind: 'lost' }) });
    const answer = await take((_m, work) => work.step('send', () => 1))(message);
    expect(answer).toMatchObject({ kind: 'later', error: { code: 'lease_lost' } });
  });

  test('whose handler passes on that something else still runs comes later', async () => {
    const { once, take } = desk();
    await once.claim({ scope: ['mail'], key: 'other' });
    const answer = await take((_m, work) => once.run({ scope: ['mail'], key: 'other' }, () => work.attempt))(message);
    expect(answer).toMatchObject({ kind: 'later', error: { code: 'in_progress' } });
  });

  test('whose handler misuses another key has failed', async () => {
    const { once, take } = desk();
    const answer = await take(() => once.run({ scope: ['mail'], key: '' }, never))(message);
    expect(answer).toMatchObject({ kind: 'failed', error: { code: 'key_invalid' } });
  });
});

test('every answer is told', async () => {
  const { take } = desk();
  const told: unknown[] = [];
  const onAnswer = (answer: JobAnswer, m: Message): void => void told.push([answer.kind, m.id]);
  await take(() => 1, { onAnswer })(message);
  await take(never, { onAnswer })({ to: 'ada' });
  expect(told).toEqual([
    ['done', 'job-1'],
    ['refused', undefined],
  ]);
});

test('an observer that throws or rejects changes no answer and becomes a process warning', async () => {
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  const broken = new Error('observer broke');
  const rejects = (): unknown => Promise.reject(broken);
  for (const onAnswer of [never, rejects]) {
    const answer = await desk().take(() => 1, { onAnswer })(message);
    expect(answer).toMatchObject({ kind: 'done' });
  }
  expect(warned.mock.calls).toEqual([[new Error('must not run')], [broken]]);
  warned.mockRestore();
});

test('wrong options are named', () => {
  const good = { store: memory(), key: () => 'k', scope: ['s'] };
  expect(() => consume(undefined as never, good)).toThrow(/handler is missing/);
  expect(() => consume(never, { ...good, key: undefined as never })).toThrow(/key is missing/);
  expect(() => consume(never, { key: good.key, scope: good.scope })).toThrow(/store or once/);
  const once = createOnce({ store: good.store });
  const wrong =
    (over: object): (() => unknown) =>
    () =>
      consume(never, { ...good, store: undefined, once, ...over } as never);
  expect(wrong({ once: {} })).toThrow(/store or once/);
  for (const scope of [undefined, 'mail', 7]) expect(wrong({ scope })).toThrow(TypeError);
  expect(wrong({ scope: 'mail' })).toThrow(/scope is missing/);
  expect(wrong({ scope: [' '] })).toThrow(/scope\[0\] is blank/);
  expect(wrong({ operation: '' })).toThrow(/operation is blank/);
  expect(wrong({ operation: 'x'.repeat(256) })).toThrow(/operation is over 255/);
  expect(wrong({ leaseMs: '30s' })).toThrow(/leaseMs is 30s/);
  expect(wrong({ inProgress: 'hold' })).toThrow(/inProgress is "hold"/);
  expect(IdempotencyError.is(new Error('x'))).toBe(false);
});
