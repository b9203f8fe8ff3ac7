/** The contract's app as a fetch handler, behind a small Node server that breaks connections where a body breaks. */
import { createReadStream } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { currentWork } from '../../../src/core/work.ts';
import { idempotency, type FetchHandler } from '../../../src/http/fetch.ts';
import { memory } from '../../../src/stores/memory.ts';
import type { HttpReply, HttpSetup, HttpWork, OpenApp } from '../../../src/testing/index.ts';
import { guarded, listening, play } from './node.ts';

/** The scope function of a setup, over fetch's headers. */
export function fetchScopeOf(scope: HttpSetup['scope']): 'public' | ((request: Request) => (string | null)[]) {
  return scope === 'public' ? scope : ({ headers }) => scope.map((name) => headers.get(name));
}

/** A reply as a Response. */
export function responseOf({ status = 200, headers = [], body }: HttpReply): Response {
  const lines = new Headers();
  for (const [name, value] of headers) lines.append(name, value);
  return new Response(bodyOf(body), { status, headers: lines });
}

function bodyOf(body: HttpReply['body']): ConstructorParameters<typeof Response>[0] {
  if (body === undefined) return null;
  if (body instanceof Uint8Array) return body.slice();
  const source = 'file' in body ? createReadStream(body.file) : Readable.from(body, { objectMode: false });
  return Readable.toWeb(source) as ReadableStream;
}

/** A work as a fetch handler. */
export function fetchHandler(work: HttpWork): FetchHandler {
  return async (request) => {
    const body = new Uint8Array(await request.arrayBuffer());
    return responseOf(await work({ method: request.method, body, work: currentWork() }));
  };
}

/** fetch. */
export const openFetch: OpenApp = ({ work, options, scope, store, nested }) => {
  const protect = idempotency({ ...options, scope: fetchScopeOf(scope), store: store(memory()) });
  const handler = fetchHandler(work);
  const inner: FetchHandler = nested ? (request) => protect(request, handler) : handler;
  return listening(guarded((incoming, outgoing) => bridge(incoming, outgoing, (request) => protect(request, inner))));
};

async function bridge(incoming: IncomingMessage, outgoing: ServerResponse, handler: FetchHandler): Promise<void> {
  const headers = new Headers();
  for (let at = 0; at < incoming.rawHeaders.length; at += 2) {
    headers.append(incoming.rawHeaders[at] ?? '', incoming.rawHeaders[at + 1] ?? '');
  }
  const { method = 'GET', url } = incoming;
  const bodiless = method === 'GET' || method === 'HEAD';
  const body = bodiless ? null : (Readable.toWeb(incoming) as ReadableStream);
  const response = await handler(
    new Request(`http://test${url}`, { method, headers, body, duplex: 'half' } as RequestInit),
  );
  const { status } = response;
  const lines = [...response.headers];
  if (response.body === null) return play({ status, headers: lines }, outgoing);
  await play({ status, headers: lines, body: response.body as AsyncIterable<Uint8Array> }, outgoing);
}
