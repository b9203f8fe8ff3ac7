/**
 * The Fastify entry with the real Fastify 5 and 4: as a plugin (contexts, routes, hooks of
 * others), payloads of every kind, and answers written past it.
 */
import { Readable } from 'node:stream';
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { fastify as fastify4 } from 'fastify4';
import { describe, expect, it, onTestFinished } from 'vitest';
import { currentWork } from '../../src/core/work.ts';
import { idempotency } from '../../src/http/fastify.ts';
import { memory } from '../../src/stores/memory.ts';
import { gate, requestBytes, send, Wire, type Reply, type Sent } from './rig.ts';

const order: Sent = {
  path: '/orders?a=1',
  key: 'k',
  headers: [['Content-Type', 'application/json']],
  body: '{"item":"café"}',
};
const protect = () => idempotency({ store: memory(), scope: 'public' });

async function listen(app: FastifyInstance): Promise<number> {
  onTestFinished(() => app.close());
  return Number(new URL(await app.listen({ port: 0, host: '127.0.0.1' })).port);
}

async function twice(app: FastifyInstance, sent: Sent = order): Promise<[Reply, Reply]> {
  const port = await listen(app);
  return [await send(port, sent), await send(port, sent)];
}

function expectReplay([first, again]: readonly [Reply, Reply]): void {
  expect(first.header('idempotent-replayed')).toBeUndefined();
  expect(again.header('idempotent-replayed')).toBe('true');
  expect([again.status, again.header('content-type')]).toEqual([first.status, first.header('content-type')]);
  expect(again.body.equals(first.body)).toBe(true);
  expect([first.whole, again.whole]).toEqual([true, true]);
}

const versions: readonly [string, () => FastifyInstance][] = [
  ['Fastify 5', () => fastify()],
  // The same shape as far as these tests use it; its types are another version's.
  ['Fastify 4', () => fastify4() as unknown as FastifyInstance],
];

describe.each(versions)('%s', (_, create) => {
  async function app(handler: (request: FastifyRequest, reply: FastifyReply) => unknown): Promise<FastifyInstance> {
    const made = create();
    await made.register(protect());
    made.post('/orders', handler);
    return made;
  }

  it('runs once and replays, with the parsed body and the work at hand', async () => {
    let runs = 0;
    const replies = await twice(
      await app((request, reply) => {
        runs++;
        return reply.code(201).send({ got: request.body, attempt: currentWork()?.attempt });
      }),
    );
    expectReplay(replies);
    expect(JSON.parse(replies[0].body.toString())).toEqual({ got: { item: 'café' }, attempt: 1 });
    expect(runs).toBe(1);
  });

  it.each<[string, (request: FastifyRequest, reply: FastifyReply) => unknown]>([
    ['text', () => 'hello'],
    ['bytes', (_request, reply) => reply.type('image/png').send(Buffer.from([0, 255, 1]))],
    ['bytes without a type', (_request, reply) => reply.send(Buffer.from([0, 255, 1]))],
    ['typed arrays', (_request, reply) => reply.send(new Uint8Array([0, 255, 1]).subarray(1))],
    ['nothing', (_request, reply) => reply.code(204).send()],
    ['null', (_request, reply) => reply.send(null)],
    ['a redirect', (_request, reply) => reply.code(303).header('location', '/orders/1').send()],
    ['repeated headers', (_request, reply) => reply.header('link', ['</a>', '</b>']).send('x')],
    ['a stream', (_request, reply) => reply.send(Readable.from([Buffer.from('one '), Buffer.from('two')]))],
    ['a stream of text', (_request, reply) => reply.send(Readable.from(['one ', 'two'], { objectMode: false }))],
    ['an error', () => Promise.reject(Object.assign(new Error('no'), { statusCode: 422 }))],
    ['a throw', () => Promise.reject(new Error('boom'))],
  ])('replays %s', async (_name, handler) => {
    let runs = 0;
    const counted = (request: FastifyRequest, reply: FastifyReply): unknown => {
      runs++;
      return handler(request, reply);
    };
    expectReplay(await twice(await app(counted)));
    expect(runs).toBe(1);
  });

  it('leaves a tombstone of what was written past it', async () => {
    const made = await app((_request, reply) => {
      reply.hijack();
      reply.raw.end('by hand');
    });
    const port = await listen(made);
    expect((await send(port, order)).body.toString()).toBe('by hand');
    await expect.poll(async () => (await send(port, order)).body.toString()).toContain('idempotency_outcome_not_kept');
  });

  it('keeps the headers and runs the hooks of others, also for replays', async () => {
    const made = create();
    made.addHook('onRequest', async (_request, reply) => void reply.header('x-outer', '1'));
    await made.register(protect());
    made.addHook('onSend', async (_request, reply, payload) => {
      reply.header('x-late', '1');
      return payload;
    });
    made.post('/orders', async () => 'x');
    for (const reply of await twice(made))
      expect([reply.header('x-outer'), reply.header('x-late')]).toEqual(['1', '1']);
  });

  it('holds for its own context, in whatever order routes are declared', async () => {
    const made = create();
    await made.register(async (inner) => {
      inner.post('/orders', async () => 'inside');
      await inner.register(protect());
    });
    made.post('/free', async () => 'outside');
    const port = await listen(made);
    expectReplay([await send(port, order), await send(port, order)]);
    const free = { ...order, path: '/free' };
    await send(port, free);
    expect((await send(port, free)).header('idempotent-replayed')).toBeUndefined();
  });

  it('lets a route say otherwise', async () => {
    const made = create();
    await made.register(protect());
    made.post('/off', { config: { idempotency: false } }, async () => 'off');
    made.put('/put', { config: { idempotency: { methods: ['PUT'], replayHeader: 'X-Again' } } }, async () => 'put');
    const port = await listen(made);
    const off: Sent = { path: '/off', key: 'off' };
    await send(port, off);
    expect((await send(port, off)).header('idempotent-replayed')).toBeUndefined();
    const put: Sent = { method: 'PUT', path: '/put', key: 'put' };
    await send(port, put);
    expect((await send(port, put)).header('x-again')).toBe('true');
  });

  it('sends the head of a stream with its first chunk, as it does unprotected', async () => {
    for (const protectedToo of [false, true]) {
      const held = gate();
      const made = create();
      if (protectedToo) await made.register(protect());
      made.post('/orders', (_request, reply) => {
        async function* late(): AsyncGenerator<Buffer> {
          await held.opened;
          yield Buffer.from('late');
        }
        return reply.send(Readable.from(late(), { objectMode: false }));
      });
      const wire = new Wire(await listen(made));
      wire.write(requestBytes(order));
      await new Promise((resolve) => setTimeout(resolve, 30));
      expect(wire.seen).toBe('');
      held.open();
      await expect.poll(() => wire.reply.body.toString()).toBe('late');
    }
  });

  it('may be registered twice on the way of one request', async () => {
    const store = memory();
    const made = create();
    await made.register(idempotency({ store, scope: 'public' }));
    await made.register(async (inner) => {
      await inner.register(idempotency({ store, scope: 'public' }));
      inner.post('/orders', async () => `attempt ${currentWork()?.attempt}`);
    });
    const replies = await twice(made);
    expectReplay(replies);
    expect(replies[1].body.toString()).toBe('attempt 1');
  });

  it('gives errors of the scope to the error handler', async () => {
    const made = create();
    await made.register(idempotency({ store: memory(), scope: () => Promise.reject(new Error('who?')) }));
    made.setErrorHandler((error: Error, _request, reply) => reply.code(418).send(error.message));
    made.post('/orders', async () => 'x');
    const [first] = await twice(made);
    expect([first.status, first.body.toString()]).toEqual([418, 'who?']);
  });
});

describe('Fastify 5', () => {
  it('replays web streams and responses', async () => {
    for (const [payload, text] of [
      [() => new Response('one', { status: 202, headers: { 'x-a': '1' } }), 'one'],
      [() => new Response(null, { status: 204 }), ''],
      [() => new Blob(['two']).stream(), 'two'],
    ] as const) {
      const made = fastify();
      await made.register(protect());
      made.post('/orders', (_request, reply) => reply.send(payload()));
      const replies = await twice(made);
      expectReplay(replies);
      expect(replies[1].body.toString()).toBe(text);
    }
  });

  it('takes the body unread where no parser has read it', async () => {
    const made = fastify();
    made.removeAllContentTypeParsers();
    made.addContentTypeParser('*', (_request, _payload, done) => done(null));
    await made.register(protect());
    made.post('/orders', async (request) => {
      let text = '';
      for await (const chunk of request.raw) text += String(chunk);
      return text;
    });
    const port = await listen(made);
    const first = await send(port, order);
    expect(first.body.toString()).toBe('{"item":"café"}');
    expectReplay([first, await send(port, order)]);
    expect((await send(port, { ...order, body: '{"item":"tea"}' })).status).toBe(422);
  });

  it('knows the request by its type, and refuses a wrong option at start', () => {
    idempotency({ store: memory(), scope: (request: FastifyRequest) => request.ip });
    idempotency({ store: memory(), scope: ({ headers }) => headers.authorization });
    // @ts-expect-error a number is no scope
    idempotency({ store: memory(), scope: () => 1 });
    // Both versions take the plugin, and its options by route, as their types say.
    const [five, four] = [fastify(), fastify4()];
    five.register(protect());
    five.post('/', { config: { idempotency: { retentionMs: null } } }, () => 'x');
    four.register(protect());
    four.post('/', { config: { idempotency: false } }, () => 'x');
    expect(() => idempotency({ store: memory() } as never)).toThrow(/options\.scope/);
  });
});
