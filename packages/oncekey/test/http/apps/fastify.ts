/** The contract's app on Fastify, for both of its versions. */
import { createReadStream } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { fastify as fastify4 } from 'fastify4';
import { currentWork } from '../../../src/core/work.ts';
import { idempotency } from '../../../src/http/fastify.ts';
import { memory } from '../../../src/stores/memory.ts';
import type { HttpReply, HttpSetup, OpenApp, OpenedApp } from '../../../src/testing/index.ts';
import { scopeOf } from './node.ts';

const bodyLimit = 4_000_000;

/** Fastify 5. */
export const openFastify: OpenApp = (setup) => open(fastify({ bodyLimit, forceCloseConnections: true }), setup);
/** Fastify 4; as far as it is used here it has the types of 5. */
export const openFastify4: OpenApp = (setup) =>
  open(fastify4({ bodyLimit, forceCloseConnections: true }) as unknown as FastifyInstance, setup);

async function open(app: FastifyInstance, setup: HttpSetup): Promise<OpenedApp> {
  const { work, options, scope, store, bodyParser, nested } = setup;
  const opened = store(memory());
  const protect = () => idempotency<FastifyRequest>({ ...options, scope: scopeOf(scope), store: opened });
  if (bodyParser === 'none') {
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    // Requests that name no type have their bytes read too.
    app.addHook('onRequest', async ({ raw }) => {
      raw.headers['content-type'] ??= 'application/octet-stream';
    });
  }
  await app.register(protect());
  if (nested) await app.register(protect());
  const handler = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const { method, body: parsed } = request;
    const body = Buffer.isBuffer(parsed) ? parsed : Buffer.alloc(0);
    respond(await work({ method, body, parsed, work: currentWork() }), reply);
  };
  app.all('*', async (request, reply) => {
    await handler(request, reply);
    return reply;
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  return { port: (app.server.address() as AddressInfo).port, close: () => app.close() };
}

function respond({ status = 200, headers = [], body }: HttpReply, reply: FastifyReply): void {
  reply.code(status);
  for (const [name, value] of headers) {
    const before = reply.getHeader(name);
    // Fastify appends cookies by itself.
    if (before === undefined || name.toLowerCase() === 'set-cookie') reply.header(name, value);
    else reply.header(name, [...(Array.isArray(before) ? before : [String(before)]), value]);
  }
  if (body === undefined) reply.send();
  else if (body instanceof Uint8Array) reply.send(body);
  else if ('file' in body) reply.send(createReadStream(body.file));
  else reply.send(Readable.from(body, { objectMode: false }));
}
