/**
 * The Koa entry with the real Koa: bodies of every kind, errors, body parsers, headers of
 * others, and clients that leave, for whom Koa would write nothing any more.
 */
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import type { RequestListener } from 'node:http';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import Koa, { type Context } from 'koa';
import { describe, expect, it } from 'vitest';
import { currentWork } from '../../src/core/work.ts';
import { idempotency } from '../../src/http/koa.ts';
import { memory } from '../../src/stores/memory.ts';
import { gate, requestBytes, send, serve, type Reply, type Sent } from './rig.ts';

const here = fileURLToPath(import.meta.url);
const order: Sent = { path: '/orders', key: 'k', headers: [['Content-Type', 'application/json']], body: '{"n":1}' };
const protect = () => idempotency({ store: memory(), scope: 'public' });

function quiet(): Koa {
  const app = new Koa();
  app.silent = true;
  return app;
}

async function start(handler: (context: Context) => unknown): Promise<number> {
  const app = quiet().use(protect());
  app.use((context) => handler(context));
  return serve(app.callback() as RequestListener);
}

function expectReplay([first, again]: readonly [Reply, Reply]): void {
  expect(first.header('idempotent-replayed')).toBeUndefined();
  expect(again.header('idempotent-replayed')).toBe('true');
  expect([again.status, again.header('content-type')]).toEqual([first.status, first.header('content-type')]);
  expect(again.body.equals(first.body)).toBe(true);
  expect([first.whole, again.whole]).toEqual([true, true]);
}

describe('answers', () => {
  it.each<[string, (context: Context) => unknown]>([
    ['json', (context) => (context.body = { attempt: currentWork()?.attempt })],
    ['text', (context) => (context.body = 'hello')],
    ['bytes', (context) => (context.body = Buffer.from([0, 255, 1]))],
    ['nothing', (context) => (context.body = null)],
    ['no body at all', () => undefined],
    ['a status', (context) => (context.status = 404)],
    ['a redirect', (context) => context.redirect('/orders/1')],
    ['a file', (context) => (context.body = createReadStream(here))],
    ['an error', (context) => context.throw(422, 'no')],
    ['a throw', () => Promise.reject(new Error('boom'))],
    [
      'what was written past Koa',
      (context) => {
        context.respond = false;
        context.res.end('by hand');
      },
    ],
  ])('%s', async (_, handler) => {
    let runs = 0;
    const port = await start((context) => {
      runs++;
      return handler(context);
    });
    expectReplay([await send(port, order), await send(port, order)]);
    expect(runs).toBe(1);
  });
});

describe('a 205', () => {
  it('ends by closing the connection, as it does unprotected, and is replayed with a length', async () => {
    const bare = await serve(
      quiet()
        .use((context) => void (context.status = 205))
        .callback() as RequestListener,
    );
    const port = await start((context) => (context.status = 205));
    const replies = [await send(bare, order), await send(port, order), await send(port, order)];
    expect(replies.map(({ status, whole }) => [status, whole])).toEqual([
      [205, false],
      [205, false],
      [205, true],
    ]);
    expect(replies[2]?.header('idempotent-replayed')).toBe('true');
  });
});

describe('a client that leaves', () => {
  it.each<[string, unknown]>([
    ['text', 'made'],
    ['json', { made: true }],
  ])('finds the whole %s when it comes back', async (_, body) => {
    const left = gate();
    const port = await start(async (context) => {
      await once(context.req.socket, 'close');
      context.status = 201;
      context.body = body;
      left.open();
    });
    const socket = connect(port, '127.0.0.1', () => socket.write(requestBytes(order), () => socket.destroy()));
    await left.opened;
    await expect.poll(async () => (await send(port, order)).header('idempotent-replayed')).toBe('true');
    const again = await send(port, order);
    expect([again.status, again.body.toString()]).toEqual([201, typeof body === 'string' ? body : '{"made":true}']);
  });
});

describe('others', () => {
  it('may have parsed the body', async () => {
    const app = quiet();
    app.use(async (context, next) => {
      let text = '';
      for await (const chunk of context.req) text += String(chunk);
      Object.assign(context.request, { body: JSON.parse(text) as unknown, rawBody: text });
      await next();
    });
    app.use(protect()).use((context) => {
      context.body = 'x';
    });
    const port = await serve(app.callback() as RequestListener);
    expectReplay([await send(port, order), await send(port, { ...order, body: '{ "n": 1 }' })]);
    expect((await send(port, { ...order, body: '{"n":2}' })).status).toBe(422);
  });

  it('keep their headers on replays and may turn errors into answers', async () => {
    const app = quiet();
    app.use(async (context, next) => {
      context.set('X-Outer', '1');
      try {
        await next();
      } catch {
        context.status = 418;
        context.body = 'caught';
      }
    });
    app.use(protect()).use(() => {
      throw new Error('boom');
    });
    const port = await serve(app.callback() as RequestListener);
    const replies = [await send(port, order), await send(port, order)] as const;
    expectReplay(replies);
    for (const reply of replies) expect([reply.status, reply.header('x-outer')]).toEqual([418, '1']);
  });

  it('know the context by type', () => {
    new Koa<{ user: string }>().use(
      idempotency({ store: memory(), scope: (context: Context) => context.get('authorization') }),
    );
    // @ts-expect-error a number is no scope
    idempotency({ store: memory(), scope: () => 1 });
    expect(() => idempotency({ store: memory() } as never)).toThrow(/options\.scope/);
  });
});
