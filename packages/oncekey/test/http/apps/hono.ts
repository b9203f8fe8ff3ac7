/** The contract's app on Hono, over its Node server. */
import { serve, type ServerType } from '@hono/node-server';
import { Hono, type Context } from 'hono';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { currentWork } from '../../../src/core/work.ts';
import { idempotency } from '../../../src/http/hono.ts';
import { memory } from '../../../src/stores/memory.ts';
import type { OpenApp } from '../../../src/testing/index.ts';
import { responseOf } from './fetch.ts';

/** Hono. */
export const openHono: OpenApp = async ({ work, options, scope, store, bodyParser, nested }) => {
  const app = new Hono();
  const names = scope === 'public' ? scope : ({ req }: Context) => scope.map((name) => req.header(name));
  const protect = idempotency<Context>({ ...options, scope: names, store: store(memory()) });
  const read = async (context: Context, next: () => Promise<void>): Promise<void> => {
    await context.req.json();
    await next();
  };
  if (bodyParser === 'before') app.use(read);
  app.use(protect);
  if (nested) app.use(protect);
  if (bodyParser === 'after') app.use(read);
  app.onError((_error, context) => context.text('failed', 500));
  app.all('*', async (context) => {
    const body = new Uint8Array(await context.req.arrayBuffer());
    const parsed = bodyParser === 'none' ? undefined : await context.req.json<unknown>();
    return responseOf(await work({ method: context.req.method, body, parsed, work: currentWork() }));
  });
  const server = await new Promise<ServerType>((resolve) => {
    const made = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, () => resolve(made));
  });
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      (server as Server).closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};
