/** The contract's app on node:http alone; and a server on a free port for the others. */
import { createReadStream } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { currentWork } from '../../../src/core/work.ts';
import { idempotency } from '../../../src/http/node.ts';
import { memory } from '../../../src/stores/memory.ts';
import type { HttpReply, HttpSetup, HttpWork, OpenApp, OpenedApp } from '../../../src/testing/index.ts';

/** Listens; `close` ends every connection. */
export async function listening(listener: RequestListener): Promise<OpenedApp> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The scope function of a setup, over headers as Node gives them. */
export function scopeOf<R extends { readonly headers: IncomingMessage['headers'] }>(
  scope: HttpSetup['scope'],
): 'public' | ((request: R) => (string | undefined)[]) {
  if (scope === 'public') return scope;
  return ({ headers }) => scope.map((name) => headers[name] as string | undefined);
}

/** The body of a request, read to its end. */
export async function readWhole(request: AsyncIterable<unknown>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Plays a reply onto a Node response, as a handler of node:http would. */
export async function play({ status = 200, headers = [], body }: HttpReply, response: ServerResponse): Promise<void> {
  response.statusCode = status;
  for (const [name, value] of headers) response.appendHeader(name, value);
  if (body === undefined) response.end();
  else if (body instanceof Uint8Array) response.end(body);
  else if ('file' in body) createReadStream(body.file).pipe(response);
  else {
    response.flushHeaders();
    // A pipeline destroys what it cannot finish, and that is all there is to do about it.
    await pipeline(body, response).catch(() => undefined);
  }
}

/** A work as a handler of node:http; what it throws is thrown on. */
export function nodeHandler(work: HttpWork): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  return async (request, response) => {
    const { method = '' } = request;
    await play(await work({ method, body: await readWhole(request), work: currentWork() }), response);
  };
}

/** Answers what even the entry throws on, as a server of node:http must. */
export function guarded(
  handler: (request: IncomingMessage, response: ServerResponse) => unknown,
): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    new Promise((resolve) => resolve(handler(request, response))).catch(() => {
      response.statusCode = 500;
      response.end();
    });
  };
}

/** node:http. */
export const openNode: OpenApp = ({ work, options, scope, store, nested }) => {
  const protect = idempotency({ ...options, scope: scopeOf(scope), store: store(memory()) });
  const inner = protect(nodeHandler(work));
  return listening(guarded(nested ? protect(inner) : inner));
};
