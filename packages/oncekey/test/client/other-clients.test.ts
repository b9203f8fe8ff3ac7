/** ky, axios and undici, the real ones, repeat a POST that carries a key, and no other. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import axios from 'axios';
import ky from 'ky';
import { Agent, interceptors, request } from 'undici';
import { afterEach, describe, expect, test } from 'vitest';
import { axiosRetry, kyRetry, undiciRetry } from '../../src/client/index.ts';
import { idempotency } from '../../src/http/node.ts';
import { memory } from '../../src/stores/memory.ts';
import { inOrder, inProgress, startServer, type Act, type TestServer } from './server.ts';

const servers: TestServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function serving(...acts: readonly Act[]): Promise<TestServer> {
  const server = await startServer(inOrder(...acts));
  servers.push(server);
  return server;
}

type Post = (url: string, headers: Record<string, string>) => Promise<number | 'failed'>;

const clients: readonly (readonly [string, Post])[] = [
  [
    'ky',
    async (url, headers) => {
      const { retry, hooks } = kyRetry();
      const client = ky.extend({ retry: { ...retry, backoffLimit: 5 }, hooks, throwHttpErrors: true });
      return client.post(url, { headers, json: { a: 1 } }).then(
        (response) => response.status,
        (error: unknown) => (error as { response?: Response }).response?.status ?? 'failed',
      );
    },
  ],
  [
    'axios',
    async (url, headers) => {
      const instance = axios.create();
      axiosRetry(instance);
      return instance.post(url, { a: 1 }, { headers }).then(
        (response) => response.status,
        (error: unknown) => (error as { response?: { status: number } }).response?.status ?? 'failed',
      );
    },
  ],
  [
    'undici',
    async (url, headers) => {
      const dispatcher = new Agent().compose(interceptors.retry(undiciRetry()));
      return request(url, { dispatcher, method: 'POST', headers, body: '{"a":1}' }).then(
        async (response) => {
          await response.body.dump();
          return response.statusCode;
        },
        () => 'failed' as const,
      );
    },
  ],
];

describe.each(clients)('%s', (_name, post) => {
  const keyed = { 'Idempotency-Key': '"k-1"', 'content-type': 'application/json' };

  test('a POST with a key is repeated after a lost reply, a 503 and the in-progress problem', async () => {
    const server = await serving('cut', { status: 503, headers: { 'retry-after': '0' } }, inProgress, { status: 201 });
    expect(await post(server.url, keyed)).toBe(201);
    expect(server.came).toHaveLength(4);
    expect(new Set(server.came.map(({ key, body }) => `${key} ${body}`))).toEqual(new Set([`"k-1" {"a":1}`]));
  });

  test.each<[string, Act, number | 'failed']>([
    ['a lost reply', 'cut', 'failed'],
    ['a 503', { status: 503 }, 503],
  ])('a POST without a key is not repeated after %s', async (_what, act, expected) => {
    const server = await serving(act, { status: 201 });
    expect(await post(server.url, { 'content-type': 'application/json' })).toBe(expected);
    expect(server.came).toHaveLength(1);
  });

  test.each<[string, Act, number]>([
    ['a business 409', { status: 409, body: '{"error":{"code":"sold_out"}}' }, 409],
    ['a 422', { status: 422 }, 422],
    ['a replayed 500', { status: 500, headers: { 'idempotent-replayed': 'true' } }, 500],
  ])('%s is not repeated', async (_what, act, expected) => {
    const server = await serving(act, { status: 201 });
    expect(await post(server.url, keyed)).toBe(expected);
    expect(server.came).toHaveLength(1);
  });

  test('behind this library’s own entry a lost reply makes one effect', async () => {
    let effects = 0;
    const once = idempotency({ store: memory(), scope: 'public' });
    const behind = createServer(
      once((_request, response) => {
        effects += 1;
        response.writeHead(201, { 'content-type': 'application/json' }).end('{"id":1}');
      }),
    );
    await new Promise<void>((resolve) => {
      behind.listen(0, '127.0.0.1', resolve);
    });
    const target = `http://127.0.0.1:${(behind.address() as AddressInfo).port}`;
    // The first reply is lost on its way back: the effect is there, the client does not know.
    const front = await startServer(async ({ key, body }, index) => {
      const answer = await fetch(target, { method: 'POST', body, headers: { ...keyed, 'Idempotency-Key': key ?? '' } });
      return index === 0 ? 'cut' : { status: answer.status, body: await answer.text() };
    });
    servers.push(front);
    try {
      expect(await post(front.url, keyed)).toBe(201);
      expect([effects, front.came.length]).toEqual([1, 2]);
    } finally {
      behind.closeAllConnections();
      behind.close();
    }
  });
});
