/** Declared jobs are checked together, installed all or none, and refuse when unregistered. */
import { describe, expect, test, vi } from 'vitest';
import { memory } from '../../src/index.ts';
import { createBridge, type Bridge, type BridgeOptions, type DeclaredJob, type Take } from '../../src/jobs/index.ts';

interface Message {
  readonly id: string;
}

interface Desk {
  readonly bridge: Bridge<Message>;
  /** Handlers as the queue has them. */
  readonly queue: Map<string, Take<Message>>;
}

function desk(over: Partial<BridgeOptions<Message>> = {}): Desk {
  const queue = new Map<string, Take<Message>>();
  const bridge = createBridge<Message>({
    store: memory(),
    key: ({ id }) => id,
    scope: ['tasks'],
    allowed: ['mail.send'],
    install(name, take) {
      queue.set(name, take);
      return () => queue.delete(name);
    },
    ...over,
  });
  return { bridge, queue };
}

const job = (name: string, over: Partial<DeclaredJob<Message>> = {}): DeclaredJob<Message> => ({
  name,
  handler: ({ id }) => `${name} ${id}`,
  ...over,
});

describe('registering', () => {
  test('installs every job under its name, and its task id is the key', async () => {
    const { bridge, queue } = desk();
    await bridge.register([job('mail', { capabilities: ['mail.send'] }), job('report')]);
    expect([...queue.keys()]).toEqual(['mail', 'report']);
    const take = queue.get('mail');
    expect(await take?.({ id: 't1' })).toEqual({ kind: 'done', value: 'mail t1', replayed: false });
    expect(await take?.({ id: 't1' })).toEqual({ kind: 'done', value: 'mail t1', replayed: true });
    expect(await queue.get('report')?.({ id: 't1' })).toMatchObject({ value: 'report t1', replayed: false });
  });

  test('installs nothing when anything is wrong, and names all of it', async () => {
    const { bridge, queue } = desk();
    const jobs = [
      job('mail'),
      job('mail'),
      job('wipe', { capabilities: ['disk.erase'] }),
      job('idle', { handler: undefined as never }),
      job(' '),
    ];
    const error: unknown = await bridge.register(jobs).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TypeError);
    for (const wrong of ['"mail" is used twice', '"disk.erase", which is denied', '"idle" has no handler', 'no name']) {
      expect(String(error)).toContain(wrong);
    }
    expect(queue.size).toBe(0);
    await bridge.register([job('mail')]);
    expect(queue.size).toBe(1);
  });

  test('refuses a name of an earlier registration, also one under way', async () => {
    const { bridge, queue } = desk();
    const [one, other] = await Promise.allSettled([bridge.register([job('mail')]), bridge.register([job('mail')])]);
    expect([one?.status, other?.status]).toEqual(['fulfilled', 'rejected']);
    await expect(bridge.register([job('report'), job('mail')])).rejects.toThrow(/"mail" is used twice/);
    expect([...queue.keys()]).toEqual(['mail']);
  });

  test.each<[string, unknown, RegExp]>([
    ['no list', undefined, /jobs is no list/],
    ['one job', job('mail'), /jobs is no list/],
    ['a job that is none', [null], /a job has no name/],
    [
      'capabilities as text',
      [job('mail', { capabilities: 'mail.send' as never })],
      /capabilities of "mail" are no list/,
    ],
    ['a name with spaces around it', [job('mail'), job(' mail')], /" mail" is used twice/],
    ['a name that is too long, at the end', [job('mail'), job('x'.repeat(256))], /operation is over 255/],
  ])('%s: installs nothing and says so', async (_what, jobs, said) => {
    const { bridge, queue } = desk();
    await expect(bridge.register(jobs as never)).rejects.toThrow(said);
    expect(queue.size).toBe(0);
    await bridge.register([job('mail')]);
  });

  test('what ends a job has to be a function', async () => {
    const { bridge } = desk({ install: () => ({ close: () => undefined }) as never });
    await expect(bridge.register([job('mail')])).rejects.toThrow(/install of "mail" gave no function/);
  });

  test('the queue’s own refusal is told, also where taking back fails', async () => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const stuck = new Error('stuck');
    const { bridge } = desk({
      install(name) {
        if (name === 'bad') throw new Error('queue says no');
        return () => Promise.reject(stuck);
      },
    });
    await expect(bridge.register([job('a'), job('bad')])).rejects.toThrow('queue says no');
    expect(warned).toHaveBeenCalledWith(stuck);
    warned.mockRestore();
  });

  test('takes back what was installed when the queue refuses one', async () => {
    const queue = new Set<string>();
    const { bridge } = desk({
      install(name) {
        if (name === 'bad') throw new Error('queue says no');
        queue.add(name);
        return () => queue.delete(name);
      },
    });
    await expect(bridge.register([job('a'), job('b'), job('bad')])).rejects.toThrow('queue says no');
    expect([...queue]).toEqual([]);
    await bridge.register([job('a')]);
    expect([...queue]).toEqual(['a']);
  });
});

describe('unregistering', () => {
  test('the old handler refuses, retryably, and the name is free again', async () => {
    const { bridge, queue } = desk();
    const registration = await bridge.register([job('mail')]);
    const old = queue.get('mail');
    await registration.unregister();
    expect(queue.size).toBe(0);
    expect(await old?.({ id: 't1' })).toMatchObject({
      kind: 'later',
      error: { code: 'job_unregistered', retryable: true },
    });
    await bridge.register([job('mail')]);
    expect(await queue.get('mail')?.({ id: 't1' })).toMatchObject({ kind: 'done', replayed: false });
    expect(await old?.({ id: 't2' })).toMatchObject({ kind: 'later' });
  });

  test('twice is once: a name that was taken anew stays taken', async () => {
    let close = (): void => undefined;
    const { bridge } = desk({ install: () => () => new Promise<void>((resolve) => (close = resolve)) });
    const first = await bridge.register([job('mail')]);
    const ends = [first.unregister(), first.unregister()];
    await expect(bridge.register([job('mail')])).rejects.toThrow(/"mail" is used twice/);
    close();
    await Promise.all(ends);
    await bridge.register([job('mail')]);
    await first.unregister();
    await expect(bridge.register([job('mail')])).rejects.toThrow(/"mail" is used twice/);
  });

  test('takes all out, also where one end throws, and tells what was thrown', async () => {
    const queue = new Set<string>();
    const { bridge } = desk({
      install(name) {
        queue.add(name);
        return () => {
          if (name !== 'a') throw new Error(`${name} is stuck`);
          queue.delete(name);
        };
      },
    });
    const registration = await bridge.register([job('a'), job('b')]);
    await expect(registration.unregister()).rejects.toThrow('b is stuck');
    expect([...queue]).toEqual(['b']);
    const others = await bridge.register([job('a'), job('b'), job('c')]);
    await expect(others.unregister()).rejects.toMatchObject({
      errors: [{ message: 'c is stuck' }, { message: 'b is stuck' }],
    });
  });

  test('what runs goes on to its end', async () => {
    const { bridge, queue } = desk();
    let finish: (() => void) | undefined;
    const slow = job('mail', { handler: () => new Promise<void>((resolve) => (finish = resolve)) });
    const registration = await bridge.register([slow]);
    const going = queue.get('mail')?.({ id: 't1' });
    await registration.unregister();
    finish?.();
    expect(await going).toMatchObject({ kind: 'done' });
  });
});

test('a bridge to nothing is refused', () => {
  expect(() => createBridge({} as never)).toThrow(/install is missing/);
});
