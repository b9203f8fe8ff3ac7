/**
 * The Hono entry with the real Hono, called as fetch and over its Node server: bodies,
 * errors, headers of others, and bodies that were read before.
 */
import { serve, type ServerType } from '@hono/node-server';
import { Hono, type Context } from 'hono';
import { cors } from 'hono/cors';
import { HTTPException } from 'hono/http-exception';
import { cloneRawRequest } from 'hono/request';
import { stream, streamSSE } from 'hono/streaming';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { CompleteAsk } from '../../src/core/store.ts';
import { currentWork } from '../../src/core/work.ts';
import { idempotency } from '../../src/http/hono.ts';
import { memory } from '../../src/stores/memory.ts';
import { send, type Reply, type Sent } from './rig.ts';

const order: Sent = { path: '/orders', key: 'k', headers: [['Content-Type', 'application/json']], body: '{"n":1}' };
const protect = () => idempotency({ store: memory(), scope: 'public' });

async function listen(app: Hono): Promise<number> {
  const server = await new Promise<ServerType>((resolve) => {
    const made = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, () => resolve(made));
  });
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

async function twice(handler: (context: Context) => Response | Promise<Response>): Promise<[Reply, Reply]> {
  const app = new Hono();
  app.use(protect());
  app.post('/orders', handler);
  const port = await listen(app);
  return [await send(port, order), await send(port, order)];
}

function expectReplay([first, again]: readonly [Reply, Reply]): void {
  expect(first.header('idempotent-replayed')).toBeUndefined();
  expect(again.header('idempotent-replayed')).toBe('true');
  expect([again.status, again.header('content-type')]).toEqual([first.status, first.header('content-type')]);
  expect(again.body.equals(first.body)).toBe(true);
  expect([first.whole, again.whole]).toEqual([true, true]);
}

describe('answers over the Node server', () => {
  it.each<[string, (context: Context) => Response | Promise<Response>]>([
    ['json', async (context) => context.json({ got: await context.req.json(), attempt: currentWork()?.attempt }, 201)],
    ['text', (context) => context.text('hello')],
    ['bytes', (context) => context.body(Uint8Array.of(0, 255, 1))],
    ['nothing', (context) => context.body(null, 204)],
    ['a redirect', (context) => context.redirect('/orders/1', 303)],
    ['not found', (context) => context.notFound()],
    ['a response of its own', () => new Response('own', { status: 202, headers: { 'x-a': '1' } })],
    [
      'a stream',
      (context) =>
        stream(context, async (out) => {
          await out.write('one ');
          await out.sleep(5);
          await out.write('two');
        }),
    ],
    ['an error that says its answer', () => Promise.reject(new HTTPException(422, { message: 'no' }))],
  ])('%s', async (_, handler) => {
    let runs = 0;
    const counted = (context: Context): Response | Promise<Response> => {
      runs++;
      return handler(context);
    };
    expectReplay(await twice(counted));
    expect(runs).toBe(1);
  });

  it('sends the head of an event stream before its first event', async () => {
    const app = new Hono();
    app.use(protect());
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    app.post('/orders', (context) => streamSSE(context, () => held));
    const port = await listen(app);
    const headers = { 'Idempotency-Key': 'k' };
    const first = await fetch(`http://127.0.0.1:${port}/orders`, { method: 'POST', headers });
    expect(first.headers.get('content-type')).toContain('text/event-stream');
    release();
    await first.text();
    expect((await send(port, { ...order, body: '' })).status).not.toBe(200);
  });
});

describe('others', () => {
  const ask = (app: Hono, body = '{"n":1}'): Promise<Response> => {
    const headers = { 'Idempotency-Key': 'k', 'Content-Type': 'application/json', Origin: 'https://shop.example' };
    return Promise.resolve(app.request('/orders', { method: 'POST', headers, body }));
  };

  it('may have read the body', async () => {
    const app = new Hono();
    app.use(async (context, next) => {
      await context.req.json();
      await next();
    });
    app.use(protect());
    app.post('/orders', async (context) => context.json(await context.req.json<object>()));
    expect(await (await ask(app)).json()).toEqual({ n: 1 });
    expect((await ask(app)).headers.get('idempotent-replayed')).toBe('true');
    expect((await ask(app, '{"n":2}')).status).toBe(422);
  });

  it('get the body from Hono in every form, and the raw request by a clone', async () => {
    const app = new Hono();
    app.use(protect());
    app.post('/orders', async (context) => {
      const { req } = context;
      const raw = await cloneRawRequest(req);
      const bytes = new Uint8Array(await req.arrayBuffer());
      return context.json([await req.text(), await req.json<object>(), bytes.length, await raw.text()]);
    });
    const port = await listen(app);
    const first = await send(port, { ...order, body: '{"n":"é"}' });
    expect(JSON.parse(first.body.toString())).toEqual(['{"n":"é"}', { n: 'é' }, 10, '{"n":"é"}']);
    const form = { ...order, key: 'form', headers: [['Content-Type', 'application/x-www-form-urlencoded']] } as const;
    const other = new Hono();
    other.use(protect());
    other.post('/orders', async (context) => context.json(await context.req.parseBody()));
    const answer = await send(await listen(other), { ...form, body: 'a=1&b=%C3%A9' });
    expect(JSON.parse(answer.body.toString())).toEqual({ a: '1', b: 'é' });
  });

  it('get the raw request unread from the Node server, and its connections for the next one', async () => {
    const app = new Hono();
    app.use(protect());
    app.post(
      '/orders',
      async ({ req }) => new Response(`${req.raw.bodyUsed} ${await new Response(req.raw.body).text()}`),
    );
    const url = `http://127.0.0.1:${await listen(app)}/orders`;
    const ask = async (): Promise<[string, string | null]> => {
      const body = new Blob(['{"n":1}', ' '.repeat(100_000)]).stream();
      const init = { method: 'POST', body, duplex: 'half' as const, headers: { 'Idempotency-Key': 'k' } };
      const answer = await fetch(url, init);
      return [(await answer.text()).trim(), answer.headers.get('idempotent-replayed')];
    };
    expect(await ask()).toEqual(['false {"n":1}', null]);
    for (let again = 0; again < 3; again++) expect(await ask()).toEqual(['false {"n":1}', 'true']);
  });

  it('get the body of the Node server from the raw request in every form, or from the stream below', async () => {
    const text = async (from: Request | Response): Promise<string> => await from.text();
    const ways: readonly ((context: Context) => Promise<string>)[] = [
      ({ req }) => text(req.raw),
      async ({ req }) => (await text(req.raw.clone())) + (await text(req.raw)),
      async ({ req }) => Buffer.from(await req.raw.arrayBuffer()).toString(),
      async ({ req }) => JSON.stringify(await req.raw.json()),
      async ({ req }) => await (await req.raw.blob()).text(),
      ({ req }) => text(new Request(req.raw, { method: 'PUT' })),
      ({ env }) => text(new Response(Readable.toWeb((env as { incoming: IncomingMessage }).incoming) as never)),
      () => Promise.resolve('{"n":1}'),
    ];
    const app = new Hono();
    app.use(protect());
    app.post('/orders', async (context) => {
      const way = ways[Number(context.req.header('x-way'))];
      return context.text((await way?.(context)) ?? 'no way');
    });
    const url = `http://127.0.0.1:${await listen(app)}/orders`;
    for (const way of [...ways.keys(), ...ways.keys()]) {
      const headers = { 'Idempotency-Key': `k${way}`, 'x-way': `${way}` };
      const answer = await fetch(url, { method: 'POST', body: '{"n":1}', headers });
      expect([way, await answer.text()]).toEqual([way, way === 1 ? '{"n":1}{"n":1}' : '{"n":1}']);
    }
  });

  it.each([
    ['no text', [0x22, 0xff, 0xc3, 0x28, 0x22]],
    ['text behind a byte order mark', [0xef, 0xbb, 0xbf, 0x7b, 0x7d]],
    ['text', [0xc3, 0xa9, 0xef, 0xbf, 0xbd]],
  ])('get the very bytes from Hono: %s', async (_, bytes) => {
    const app = new Hono();
    app.use(protect());
    app.post(
      '/orders',
      async ({ req }) => new Response(`${Buffer.from(await req.arrayBuffer()).toString('hex')} ${await req.text()}`),
    );
    const url = `http://127.0.0.1:${await listen(app)}/orders`;
    const body = Uint8Array.from(bytes);
    const expected = `${Buffer.from(body).toString('hex')} ${new TextDecoder().decode(body)}`;
    for (const key of ['k', 'other', 'k']) {
      const answer = await fetch(url, { method: 'POST', body, headers: { 'Idempotency-Key': key } });
      expect(await answer.text()).toBe(expected);
    }
  });

  it('may read the body after a replay', async () => {
    const app = new Hono();
    const read: string[] = [];
    app.use(async ({ req }, next) => {
      await next();
      read.push(await req.text(), Buffer.from(await req.arrayBuffer()).toString());
    });
    app.use(protect());
    app.post('/orders', (context) => context.json(1));
    const port = await listen(app);
    expect([(await send(port, order)).status, (await send(port, order)).status]).toEqual([200, 200]);
    expect(read).toEqual(['{"n":1}', '{"n":1}', '{"n":1}', '{"n":1}']);
  });

  it('may have begun to read the body of the Node server before, in any form', async () => {
    for (const begin of [
      ({ req }: Context) => void req.text(),
      ({ req }: Context) => req.raw.body,
      ({ req }: Context) => void req.raw.clone(),
      async ({ req }: Context) => (req.raw = new Request(req.raw, { headers: { 'Idempotency-Key': 'k' } })),
    ]) {
      const app = new Hono();
      app.use(async (context, next) => {
        await begin(context);
        await next();
      });
      app.use(protect());
      app.post('/orders', async ({ req }) => new Response(await req.text()));
      const port = await listen(app);
      const replies = [
        await send(port, order),
        await send(port, order),
        await send(port, { ...order, body: '{"n":2}' }),
      ];
      expect(replies.map(({ status }) => status)).toEqual([200, 200, 422]);
      expect(replies[1]?.body.toString()).toBe('{"n":1}');
    }
  });

  it('keep their headers on first answers, replays and refusals', async () => {
    const app = new Hono();
    app.use(cors({ origin: 'https://shop.example', exposeHeaders: ['Idempotent-Replayed', 'Retry-After'] }));
    app.use(async (context, next) => {
      context.header('x-early', '1');
      await next();
      context.header('x-late', '1');
    });
    app.use(protect());
    app.post('/orders', (context) => context.text('x', 201, { 'x-own': '1' }));
    const replies = [await ask(app), await ask(app), await ask(app, '{"n":2}')];
    expect(replies.map(({ status }) => status)).toEqual([201, 201, 422]);
    for (const { headers } of replies) {
      expect([headers.get('x-early'), headers.get('x-late')]).toEqual(['1', '1']);
      expect(headers.get('access-control-allow-origin')).toBe('https://shop.example');
      expect(headers.get('access-control-expose-headers')).toContain('Idempotent-Replayed');
    }
  });

  it('keeps an error handler’s answer, and the worker alive for work behind it', async () => {
    const app = new Hono();
    app.onError((error, context) => context.text(error.message, 422));
    app.use(protect());
    app.post('/orders', () => {
      throw new Error('no');
    });
    const background: Promise<unknown>[] = [];
    const context = {
      waitUntil: (work: Promise<unknown>) => void background.push(work),
      passThroughOnException() {},
      props: {},
    };
    const headers = { 'Idempotency-Key': 'k' };
    const request = () => app.request('/orders', { method: 'POST', headers }, {}, context as never);
    expect((await request()).status).toBe(422);
    const again = await request();
    expect([again.status, await again.text(), again.headers.get('idempotent-replayed')]).toEqual([422, 'no', 'true']);
  });

  it('keeps a worker alive for a store that takes its time, and asks Node’s server for no such thing', async () => {
    const kept = memory();
    const store = { ...kept, complete: async (ask: CompleteAsk) => kept.complete(ask) };
    const app = new Hono();
    let asked = 0;
    app.use((context, next) => {
      const found = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(context), 'executionCtx');
      Object.defineProperty(context, 'executionCtx', {
        get() {
          asked += 1;
          return found?.get?.call(context) as unknown;
        },
      });
      return next();
    });
    app.use(idempotency({ store, scope: 'public' }));
    app.post('/orders', (context) => context.text('done', 201));
    const background: Promise<unknown>[] = [];
    const context = { waitUntil: (work: Promise<unknown>) => void background.push(work) };
    await app.request('/orders', { method: 'POST', headers: { 'Idempotency-Key': 'a' } }, {}, context as never);
    expect([asked, background.length]).toEqual([1, 1]);
    expect((await send(await listen(app), order)).status).toBe(201);
    expect(asked).toBe(1);
  });

  it('knows the context by type', () => {
    const app = new Hono<{ Variables: { user: string } }>();
    app.use(
      idempotency({
        store: memory(),
        scope: (context: Context<{ Variables: { user: string } }>) => context.get('user'),
      }),
    );
    app.use(idempotency({ store: memory(), scope: (context) => context.req.header('authorization') }));
    // @ts-expect-error a number is no scope
    idempotency({ store: memory(), scope: () => 1 });
    expect(() => idempotency({ store: memory() } as never)).toThrow(/options\.scope/);
  });
});
