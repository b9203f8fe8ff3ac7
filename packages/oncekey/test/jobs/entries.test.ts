/**
 * What each entry makes of an id and of an answer, message by message; that real queues do with it what is meant is in
 * the system tests beside this.
 */
import { describe, expect, test, vi } from 'vitest';
import { IdempotencyError, memory } from '../../src/index.ts';
import * as bullmq from '../../src/jobs/bullmq.ts';
import type { JobAnswer } from '../../src/jobs/index.ts';
import * as nats from '../../src/jobs/nats.ts';
import * as pgBoss from '../../src/jobs/pg-boss.ts';
import * as rabbitmq from '../../src/jobs/rabbitmq.ts';
import { virtualClock } from '../../src/testing/virtual-clock.ts';

const busy = new IdempotencyError('in_progress', 'still runs; come again', { retryAfterMs: 1500 });
const reused = new IdempotencyError('key_reused', 'other input; use a new key', { attempt: 1 });
const broken = new Error('smtp down');
const answers = {
  done: { kind: 'done', value: 7, replayed: false },
  later: { kind: 'later', afterMs: 1500, error: busy },
  failed: { kind: 'failed', error: broken },
  refused: { kind: 'refused', error: reused },
} satisfies Record<string, JobAnswer>;

const ignore = (): void => undefined;
const take = (kind: keyof typeof answers) => async (): Promise<JobAnswer> => answers[kind];

test('options that are missing are named', () => {
  const none = undefined as never;
  const channel = { ack: () => undefined, nack: () => undefined };
  expect(() => bullmq.processor(ignore, none)).toThrow(/pass store or once/);
  expect(() => pgBoss.worker(ignore, none)).toThrow(/pass store or once/);
  expect(() => nats.consumer(ignore, none)).toThrow(/pass store or once/);
  expect(() => rabbitmq.consumer(channel, ignore, none)).toThrow(/queue is missing/);
});

test.each([Number.NaN, -1, 1.5, '1s' as never])('a pause of %s is refused: it would be none', (wrong) => {
  const channel = { ack: () => undefined, nack: () => undefined };
  const failurePauseMs = { failurePauseMs: wrong };
  expect(() => rabbitmq.settle(channel, take('failed'), failurePauseMs)).toThrow(/failurePauseMs is /);
  expect(() => nats.settle(take('failed'), failurePauseMs)).toThrow(/failurePauseMs is /);
  expect(() => nats.settle(take('failed'), { workingMs: wrong })).toThrow(/workingMs is /);
});

describe('BullMQ', () => {
  const moved: unknown[] = [];
  const job = {
    id: '7',
    name: 'pay',
    queueName: 'orders',
    timestamp: 1_700_000_000_000,
    moveToDelayed: async (...args: unknown[]) => void moved.push(args),
  };

  test('a job without a name is done: BullMQ takes a blank one', async () => {
    const pay = bullmq.processor(() => 7, { store: memory() });
    expect(await pay({ ...job, name: '' })).toBe(7);
  });

  test('an id that it counts itself is bound to its moment, one of your own is not', () => {
    expect(bullmq.naming.key(job)).toBe('7@1700000000000');
    expect(bullmq.naming.key({ ...job, id: 'order-17' })).toBe('order-17');
    expect(bullmq.naming.key({ ...job, id: undefined })).toBeUndefined();
  });

  test('done is its value, a failure its own error', async () => {
    expect(await bullmq.settle(take('done'))(job)).toBe(7);
    await expect(bullmq.settle(take('failed'))(job)).rejects.toBe(broken);
  });

  test('later is moved under the worker’s token, and told by the name BullMQ knows', async () => {
    const clock = virtualClock();
    const error: unknown = await bullmq
      .settle(take('later'), clock)(job, 'token')
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'DelayedError', cause: busy });
    expect(moved).toEqual([[clock.nowMs() + 1500, 'token']]);
  });

  test('refused is not retried', async () => {
    const error: unknown = await bullmq
      .settle(take('refused'))(job)
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'UnrecoverableError', message: reused.message, cause: reused });
  });
});

describe('pg-boss', () => {
  const job = { id: 'a', name: 'orders', data: null };

  test('one job’s value is the job’s output, a batch has none', async () => {
    expect(await pgBoss.settle(take('done'))([job])).toBe(7);
    expect(await pgBoss.settle(take('done'))([job, job])).toBeUndefined();
  });

  test('a batch in which one fails is failed, after all were tried', async () => {
    const tried: string[] = [];
    const settled = pgBoss.settle(async ({ id }) => {
      tried.push(id);
      return id === 'a' ? answers.failed : answers.done;
    });
    await expect(settled([job, { ...job, id: 'b' }])).rejects.toBe(broken);
    expect(tried).toEqual(['a', 'b']);
  });

  test('data that is absent is compared as such', () => {
    expect(pgBoss.naming.input?.(job)).toBeNull();
  });
});

describe('RabbitMQ', () => {
  const message = { content: Buffer.from('{}'), properties: { messageId: 'm-1', type: '' } };

  test('what becomes of a message, and when', async () => {
    const clock = virtualClock();
    const told: unknown[] = [];
    const channel = {
      ack: () => void told.push('ack'),
      nack: (_message: unknown, _all?: boolean, requeue?: boolean) => void told.push(requeue ? 'requeue' : 'dead'),
    };
    for (const kind of ['done', 'refused', 'later', 'failed'] as const) {
      rabbitmq.settle(channel, take(kind), { clock, failurePauseMs: 2000 })(message);
    }
    await clock.advance(0);
    expect(told).toEqual(['ack', 'dead']);
    await clock.advance(1500);
    expect(told).toEqual(['ack', 'dead', 'requeue']);
    await clock.advance(500);
    expect(told).toEqual(['ack', 'dead', 'requeue', 'requeue']);
  });

  test('a consumer that the broker ends is told', () => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const channel = { ack: () => undefined, nack: () => undefined };
    rabbitmq.settle(channel, take('done'))(null);
    expect(warned).toHaveBeenCalledWith(
      expect.objectContaining({ message: expect.stringContaining('ended the consumer') }),
    );
    warned.mockRestore();
  });

  test('a channel that is closed by then is a warning, not a crash', async () => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const closed = new Error('Channel closed');
    const ack = (): never => {
      throw closed;
    };
    rabbitmq.settle({ ack, nack: ack }, take('done'))(message);
    await vi.waitUntil(() => warned.mock.calls.length > 0);
    expect(warned).toHaveBeenCalledWith(closed);
    warned.mockRestore();
  });

  test('`input` is what is compared, instead of the bytes', async () => {
    const told: unknown[] = [];
    const channel = { ack: () => void told.push('ack'), nack: () => void told.push('nack') };
    const input = ({ content }: rabbitmq.RabbitmqMessage): unknown => JSON.parse(Buffer.from(content).toString()).to;
    const consumer = rabbitmq.consumer(channel, () => 1, { queue: 'orders', store: memory(), input, onAnswer: ignore });
    for (const [at, content] of ['{"to":"ada","try":1}', '{"to":"ada","try":2}', '{"to":"bob"}'].entries()) {
      consumer({ ...message, content: Buffer.from(content) });
      await vi.waitUntil(() => told.length > at);
    }
    expect(told).toEqual(['ack', 'ack', 'nack']);
  });

  test('a queue without a name is refused: the ids of all queues would be one’s', () => {
    const channel = { ack: () => undefined, nack: () => undefined };
    expect(() => rabbitmq.consumer(channel, () => 1, { store: memory() } as never)).toThrow(/queue is missing/);
  });

  test('a message without a type is an operation of its queue', () => {
    const { operation } = rabbitmq.naming('orders');
    for (const type of [undefined, '', ' ']) {
      const one = { ...message, properties: { type } };
      expect(typeof operation === 'function' && operation(one)).toBe('orders');
    }
  });
});

describe('NATS', () => {
  function message(deliveryCount = 1, id?: string): nats.NatsMessage & { readonly told: unknown[] } {
    const told: unknown[] = [];
    return {
      told,
      subject: 'orders.pay',
      data: Buffer.from('{}'),
      headers: id === undefined ? undefined : { get: () => id },
      info: { stream: 'orders', streamSequence: 12, timestampNanos: 99, deliveryCount },
      ack: () => void told.push('ack'),
      nak: (delayMs) => void told.push(delayMs),
      term: (reason) => void told.push(reason),
      working: () => void told.push('working'),
    };
  }

  test('the publisher’s id is the key, else the place in the stream', () => {
    expect(nats.naming.key(message(1, 'order-17'))).toBe('order-17');
    expect(nats.naming.key(message(1, ''))).toBe('12@99');
    expect(nats.naming.key(message())).toBe('12@99');
  });

  test('`input` is what is compared, instead of the bytes', async () => {
    const input = ({ data }: nats.NatsMessage): unknown => JSON.parse(Buffer.from(data).toString()).to;
    const consumer = nats.consumer(() => 1, { store: memory(), input, onAnswer: ignore });
    const told: unknown[] = [];
    for (const data of ['{"to":"ada","try":1}', '{"to":"ada","try":2}', '{"to":"bob"}']) {
      const one = { ...message(), data: Buffer.from(data) };
      await consumer(one);
      told.push(...one.told);
    }
    expect(told).toEqual(['ack', 'ack', expect.stringContaining('key_reused')]);
  });

  test.each([
    ['done', 1, 'ack'],
    ['later', 1, 1500],
    ['failed', 1, 1000],
    ['failed', 4, 8000],
    ['failed', 2000, 60_000],
    ['refused', 1, reused.message],
  ] as const)('%s at delivery %i is answered %s', async (kind, deliveryCount, told) => {
    const one = message(deliveryCount);
    await nats.settle(take(kind))(one);
    expect(one.told).toEqual([told]);
  });

  test('while a handler runs the server is told so, and no longer', async () => {
    const clock = virtualClock();
    const one = message();
    const slow = async (): Promise<JobAnswer> => {
      await clock.advance(25_000);
      return answers.done;
    };
    await nats.settle(slow, { clock })(one);
    await clock.advance(60_000);
    expect(one.told).toEqual(['working', 'working', 'ack']);
  });
});
