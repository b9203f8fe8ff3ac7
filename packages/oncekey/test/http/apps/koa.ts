/** The contract's app on Koa, with a JSON body parser written as Koa's own are. */
import { createReadStream } from 'node:fs';
import type { RequestListener } from 'node:http';
import { Readable } from 'node:stream';
import Koa, { type Context, type Middleware } from 'koa';
import { currentWork } from '../../../src/core/work.ts';
import { idempotency } from '../../../src/http/koa.ts';
import { memory } from '../../../src/stores/memory.ts';
import type { HttpReply, OpenApp } from '../../../src/testing/index.ts';
import { listening, readWhole, scopeOf } from './node.ts';

const parser: Middleware = async (context, next) => {
  Object.assign(context.request, { body: JSON.parse((await readWhole(context.req)).toString()) as unknown });
  await next();
};

/** Koa. */
export const openKoa: OpenApp = ({ work, options, scope, store, bodyParser, nested }) => {
  const app = new Koa();
  app.silent = true;
  const protect = idempotency<Context>({ ...options, scope: scopeOf(scope), store: store(memory()) });
  if (bodyParser === 'before') app.use(parser);
  app.use(protect);
  if (nested) app.use(protect);
  if (bodyParser === 'after') app.use(parser);
  app.use(async (context) => {
    const body = bodyParser === 'none' ? await readWhole(context.req) : Buffer.alloc(0);
    const { body: parsed } = context.request as { body?: unknown };
    respond(await work({ method: context.method, body, parsed, work: currentWork() }), context);
  });
  return listening(app.callback() as RequestListener);
};

function respond({ status = 200, headers = [], body }: HttpReply, context: Context): void {
  const typed = headers.some(([name]) => name.toLowerCase() === 'content-type');
  // Koa takes the type away from a body of null.
  if (body === undefined) context.body = typed ? '' : null;
  else if (body instanceof Uint8Array) context.body = Buffer.from(body);
  else if ('file' in body) context.body = createReadStream(body.file);
  else context.body = Readable.from(body, { objectMode: false });
  context.status = status;
  context.remove('Content-Type');
  for (const [name, value] of headers) context.append(name, value);
  if (body !== undefined && Symbol.asyncIterator in body) context.flushHeaders();
}
