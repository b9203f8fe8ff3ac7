/**
 * The Express entry with the real Express 5 and 4: body parsers before and after, compression
 * outside and inside, sendFile, error handlers, mounted routers.
 */
import compression from 'compression';
import express, { type ErrorRequestHandler, type Express } from 'express';
import express4 from 'express4';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { currentWork } from '../../src/core/work.ts';
import { idempotency } from '../../src/http/express.ts';
import { memory } from '../../src/stores/memory.ts';
import { send, serve, type Reply, type Sent } from './rig.ts';

const here = fileURLToPath(import.meta.url);
const json: [string, string][] = [['Content-Type', 'application/json']];
const order: Sent = { path: '/orders', key: 'k', headers: json, body: '{"item":"café","n":1}' };

async function twice(app: Express, sent: Sent = order): Promise<[Reply, Reply]> {
  const port = await serve(app as never);
  return [await send(port, sent), await send(port, sent)];
}

function expectReplay([first, again]: [Reply, Reply]): void {
  expect(first.header('idempotent-replayed')).toBeUndefined();
  expect(again.header('idempotent-replayed')).toBe('true');
  expect([again.status, again.header('content-type'), again.header('etag')]).toEqual([
    first.status,
    first.header('content-type'),
    first.header('etag'),
  ]);
  expect(again.body.equals(first.body)).toBe(true);
  expect([first.whole, again.whole]).toEqual([true, true]);
}

const protect = () => idempotency({ store: memory(), scope: 'public' });

describe('body parsers', () => {
  const orders = (app: Express): Express => {
    let count = 0;
    return app.post('/orders', (request, response) => {
      response.status(201).json({ count: ++count, got: request.body as unknown, attempt: currentWork()?.attempt });
    });
  };

  it('behind us read the whole body', async () => {
    const replies = await twice(orders(express().use(protect()).use(express.json())));
    expectReplay(replies);
    expect(JSON.parse(replies[0].body.toString())).toEqual({ count: 1, got: { item: 'café', n: 1 }, attempt: 1 });
  });

  it('in front of us leave a value that is compared', async () => {
    const app = orders(express().use(express.json()).use(protect()));
    const port = await serve(app as never);
    expectReplay([await send(port, order), await send(port, { ...order, body: '{"n":1, "item":"caf\\u00e9"}' })]);
    expect((await send(port, { ...order, body: '{"n":2}' })).status).toBe(422);
  });

  it('may move over the same records', async () => {
    const store = memory();
    const entry = () => idempotency({ store, scope: 'public' });
    const before = await serve(orders(express().use(express.json()).use(entry())) as never);
    const after = await serve(orders(express().use(entry()).use(express.json())) as never);
    expectReplay([await send(before, order), await send(after, order)]);
    const other = { ...order, key: 'l' };
    const moved = [await send(after, other), await send(before, other)] as const;
    expectReplay([...moved]);
    expect(moved[1].status).toBe(201);
  });

  it.each([
    ['text', express.text(), 'text/plain'],
    ['raw', express.raw(), 'application/octet-stream'],
    ['urlencoded', express.urlencoded(), 'application/x-www-form-urlencoded'],
  ])('%s in front of us', async (_, parser, type) => {
    const app = express().use(parser).use(protect());
    app.post('/orders', (_request, response) => response.json(1));
    const port = await serve(app as never);
    const sent: Sent = { ...order, headers: [['Content-Type', type]], body: 'a=1&b=2' };
    expectReplay([await send(port, sent), await send(port, sent)]);
    expect((await send(port, { ...sent, body: 'a=1&b=3' })).status).toBe(422);
  });
});

describe('answers', () => {
  it.each<[string, (response: express.Response) => unknown]>([
    ['json', (response) => response.status(201).location('/orders/1').json({ id: 1 })],
    ['send text', (response) => response.send('hello')],
    ['send bytes', (response) => response.send(Buffer.from([0, 255, 1]))],
    ['sendStatus', (response) => response.sendStatus(204)],
    ['end', (response) => response.end()],
    ['redirect', (response) => response.redirect(303, '/orders/1')],
    ['sendFile', (response) => response.sendFile(here)],
    ['a 404', (response) => response.status(404).json({ error: 'none' })],
  ])('%s', async (_, answer) => {
    const app = express().use(protect());
    let runs = 0;
    app.post('/orders', (_request, response) => {
      runs++;
      answer(response);
    });
    expectReplay(await twice(app));
    expect(runs).toBe(1);
  });

  it('sends a file whole', async () => {
    const app = express().use(protect());
    app.post('/orders', (_request, response) => response.sendFile(here));
    const [first] = await twice(app);
    expect(first.body.equals(readFileSync(here))).toBe(true);
  });

  it('keeps what error handlers say; a 500 that they make is kept, a 503 is not', async () => {
    for (const [status, runsExpected] of [
      [422, 1],
      [500, 1],
      [503, 2],
    ] as const) {
      let runs = 0;
      const app = express().use(protect());
      app.post('/orders', () => {
        runs++;
        throw new Error('boom');
      });
      const handler: ErrorRequestHandler = (error: Error, _request, response, _next) => {
        response.status(status).json({ error: error.message });
      };
      app.use(handler);
      await twice(app);
      expect(runs).toBe(runsExpected);
    }
  });

  it('compares the whole target under a mounted router', async () => {
    const app = express();
    const router = express.Router().use(protect());
    router.post('/orders', (request, response) => {
      response.send(request.originalUrl);
    });
    app.use('/a', router).use('/b', router);
    const port = await serve(app as never);
    expect((await send(port, { ...order, path: '/a/orders' })).status).toBe(200);
    expect((await send(port, { ...order, path: '/b/orders' })).status).toBe(422);
  });

  it('gives errors of the scope to the error handlers', async () => {
    const app = express().use(
      idempotency({
        store: memory(),
        scope: async () => {
          throw new Error('who?');
        },
      }),
    );
    const handler: ErrorRequestHandler = (error: Error, _request, response, _next) => {
      response.status(418).send(error.message);
    };
    app.use(handler);
    const [first] = await twice(app);
    expect([first.status, first.body.toString()]).toEqual([418, 'who?']);
  });
});

describe('compression', () => {
  const text = 'once and only once. '.repeat(500);
  const zipped: Sent = { ...order, headers: [...json, ['Accept-Encoding', 'gzip']] };
  const plain: Sent = order;

  it.each<[string, (response: express.Response) => unknown]>([
    ['send', (response) => response.send(text)],
    ['writeHead and end', (response) => response.writeHead(200, { 'Content-Type': 'text/plain' }).end(text)],
    [
      'chunks',
      (response) => {
        response.type('text').write(text.slice(0, 3000));
        response.end(text.slice(3000));
      },
    ],
  ])('outside of us: each client gets its own encoding (%s)', async (_, answer) => {
    const app = express().use(compression()).use(protect());
    app.post('/orders', (_request, response) => answer(response));
    const port = await serve(app as never);
    const first = await send(port, zipped);
    const again = await send(port, zipped);
    const third = await send(port, plain);
    expect(gunzipSync(first.body).toString()).toBe(text);
    expect(gunzipSync(again.body).toString()).toBe(text);
    expect(third.header('content-encoding')).toBeUndefined();
    expect(third.body.toString()).toBe(text);
    expect([again.header('idempotent-replayed'), third.header('idempotent-replayed')]).toEqual(['true', 'true']);
  });

  it('inside of us: the bytes that were sent are replayed with their encoding', async () => {
    const app = express().use(protect()).use(compression());
    app.post('/orders', (_request, response) => response.send(text));
    const [first, again] = await twice(app, zipped);
    expectReplay([first, again]);
    expect(again.header('content-encoding')).toBe('gzip');
    expect(gunzipSync(again.body).toString()).toBe(text);
  });
});

describe('headers of outer middleware', () => {
  it('stay on replays, and the answer wins where both have one', async () => {
    const app = express();
    app.use((_request, response, next) => {
      response.setHeader('X-Outer', '1');
      response.setHeader('Access-Control-Allow-Origin', 'https://shop.example');
      next();
    });
    app.use(protect());
    app.post('/orders', (_request, response) => response.set('X-Outer', '2').send('x'));
    const [, again] = await twice(app);
    expect([again.all('x-outer'), again.header('access-control-allow-origin')]).toEqual([
      ['2'],
      'https://shop.example',
    ]);
  });
});

describe('Express 4', () => {
  it.each<[string, (app: express4.Express) => express4.Express]>([
    ['before the body parser', (app) => app.use(protect()).use(express4.json())],
    ['behind the body parser', (app) => app.use(express4.json()).use(protect())],
  ])('%s', async (_, build) => {
    let runs = 0;
    const app = build(express4());
    app.post('/orders', (request, response) => {
      runs++;
      response.status(201).json(request.body);
    });
    const port = await serve(app as never);
    expectReplay([await send(port, order), await send(port, order)]);
    expect((await send(port, { ...order, body: '{"n":2}' })).status).toBe(422);
    expect(runs).toBe(1);
  });

  it.each<[string, (response: express4.Response) => unknown]>([
    ['send text', (response) => response.send('hello')],
    ['send bytes', (response) => response.send(Buffer.from([0, 255, 1]))],
    ['sendStatus', (response) => response.sendStatus(204)],
    ['redirect', (response) => response.redirect(303, '/orders/1')],
    ['sendFile', (response) => response.sendFile(here)],
  ])('%s', async (_, answer) => {
    const app = express4().use(protect());
    let runs = 0;
    app.post('/orders', (_request, response) => {
      runs++;
      answer(response);
    });
    expectReplay(await twice(app as never));
    expect(runs).toBe(1);
  });
});

describe('start', () => {
  it('refuses an entry without a scope or a store', () => {
    expect(() => idempotency({ store: memory() } as never)).toThrow(/options\.scope/);
    expect(() => idempotency({ scope: 'public' } as never)).toThrow(/options\.store/);
  });
});
