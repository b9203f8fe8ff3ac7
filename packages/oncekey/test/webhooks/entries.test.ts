/**
 * The entries in their real frameworks, over real sockets: the bytes that are verified are
 * those that were sent, and a body parser in front is told to be a mistake.
 */
import { once as happened } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import express from 'express';
import express4 from 'express4';
import fastify from 'fastify';
import fastify4 from 'fastify4';
import { Hono } from 'hono';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { memory } from '../../src/index.ts';
import { webhooks, type Webhooks } from '../../src/webhooks/index.ts';
import { eventBody, senders } from './senders.ts';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) await server.close();
});

async function listen(server: Server): Promise<string> {
  open.push(server);
  if (!server.listening) {
    server.listen(0, '127.0.0.1');
    await happened(server, 'listening');
  }
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

interface FastifyServer {
  listen(at: { port: number; host: string }): Promise<string>;
  close(): unknown;
}

async function listenFastify(app: FastifyServer): Promise<string> {
  open.push(app);
  return app.listen({ port: 0, host: '127.0.0.1' });
}

type Mount = (receiver: Webhooks) => Promise<string>;

const frameworks: readonly (readonly [name: string, mount: Mount])[] = [
  ['node:http', (receiver) => listen(createServer((request, response) => receiver.express(request, response)))],
  ['Express 5', (receiver) => listen(createServer(express().post('/', receiver.express).use(express.json())))],
  [
    'Express 5 with raw bytes',
    (receiver) =>
      listen(
        createServer(
          express()
            .use(express.raw({ type: '*/*' }))
            .post('/', receiver.express),
        ),
      ),
  ],
  ['Express 4', (receiver) => listen(createServer(express4().post('/', receiver.express)))],
  [
    'Fastify 5',
    async (receiver) => {
      const app = fastify();
      await app.register(receiver.fastify, { prefix: '/' });
      return listenFastify(app);
    },
  ],
  [
    'Fastify 4',
    async (receiver) => {
      const app = fastify4();
      await app.register(receiver.fastify, { prefix: '/' });
      return listenFastify(app);
    },
  ],
  [
    'Hono',
    (receiver) => {
      const app = new Hono().post('/', receiver.hono);
      return listen(serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }) as Server);
    },
  ],
];

async function deliver(url: string, sender: (typeof senders)[number], body: string): Promise<Response> {
  const headers = { ...(await sender.sign(body)), 'content-type': 'application/json' };
  return fetch(url, { method: 'POST', headers, body });
}

describe.each(frameworks)('%s', (_name, mount) => {
  test.each(senders)('takes a delivery of $name once, byte for byte', async (sender) => {
    const bodies: string[] = [];
    const receiver = webhooks({
      provider: sender.provider(),
      secret: sender.secret,
      endpoint: 'billing',
      store: memory(),
      handle: ({ body }) => void bodies.push(Buffer.from(body).toString()),
    });
    const url = await mount(receiver);
    // Spaces that no parser would give back, and text beyond ASCII.
    const body = `${eventBody('evt_1', { note: 'größe 💳' })} \n`;
    const answers = [await deliver(url, sender, body), await deliver(url, sender, body)];
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(bodies).toEqual([body]);
    expect((await fetch(url, { method: 'POST', body })).status).toBe(401);
  });

  test('a body over the limit is refused', async () => {
    const [sender] = senders;
    if (sender === undefined) throw new Error('no sender');
    const receiver = webhooks({
      provider: sender.provider(),
      secret: sender.secret,
      endpoint: 'billing',
      store: memory(),
      maxBodyBytes: 1000,
      handle: () => 1,
    });
    const answer = await deliver(await mount(receiver), sender, eventBody('evt_1', { filler: 'x'.repeat(5000) }));
    expect(answer.status).toBe(413);
  });
});

test('a time limit in front that answers while the handler runs does not end the process', async () => {
  const [sender] = senders;
  if (sender === undefined) throw new Error('no sender');
  const unhandled: unknown[] = [];
  const hear = (error: unknown): void => void unhandled.push(error);
  process.on('unhandledRejection', hear);
  let running: express.Response | undefined;
  const receiver = webhooks({
    provider: sender.provider(),
    secret: sender.secret,
    endpoint: 'billing',
    store: memory(),
    handle: () => void running?.sendStatus(503),
  });
  const app = express().use((_request, response, next) => {
    running = response;
    next();
  });
  const url = await listen(createServer(app.post('/', receiver.express)));
  expect((await deliver(url, sender, eventBody('evt_1'))).status).toBe(503);
  expect((await deliver(url, sender, eventBody('evt_1'))).status).toBe(200);
  process.off('unhandledRejection', hear);
  expect(unhandled).toEqual([]);
});

describe('a body parser in front', () => {
  const [sender] = senders;
  if (sender === undefined) throw new Error('no sender');
  const receiver = (): Webhooks =>
    webhooks({
      provider: sender.provider(),
      secret: sender.secret,
      endpoint: 'billing',
      store: memory(),
      handle: () => {
        throw new Error('must not run');
      },
    });

  test('of Express: a clear error for its error handlers', async () => {
    const errors: unknown[] = [];
    const app = express().use(express.json()).post('/', receiver().express);
    app.use((error: unknown, _request: unknown, response: express.Response, _next: unknown) => {
      errors.push(error);
      response.sendStatus(500);
    });
    expect((await deliver(await listen(createServer(app)), sender, eventBody('evt_1'))).status).toBe(500);
    expect(errors).toMatchObject([{ message: expect.stringContaining('a body parser came first') }]);
  });

  test('of Hono: a clear error for its error handler', async () => {
    const errors: unknown[] = [];
    const app = new Hono();
    app.use(async (context, next) => {
      await context.req.json();
      await next();
    });
    app.post('/', receiver().hono);
    app.onError((error, context) => {
      errors.push(error);
      return context.text('wrong', 500);
    });
    const request = new Request('http://x.example/', { method: 'POST', headers: await sender.sign('{}'), body: '{}' });
    expect((await app.fetch(request)).status).toBe(500);
    expect(errors).toMatchObject([{ message: expect.stringContaining('a body parser came first') }]);
  });

  test('in node:http, where nobody takes an error: 500 and a process warning', async () => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const { express: take } = receiver();
    const server = createServer((request, response) => {
      request.resume().on('end', () => take(Object.assign(request, { body: {} }), response));
    });
    expect((await deliver(await listen(server), sender, eventBody('evt_1'))).status).toBe(500);
    expect(warned).toHaveBeenCalledWith(expect.objectContaining({ message: expect.stringContaining('parser') }));
    warned.mockRestore();
  });
});
