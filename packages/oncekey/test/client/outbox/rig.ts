/** What the outbox's tests share: an API that makes things, behind this library's own protocol, and outboxes on it. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { idempotency } from '../../../src/http/node.ts';
import { memory } from '../../../src/stores/memory.ts';
import type { OutboxDatabase } from '../../../src/client/outbox/storages/sqlite.ts';
import { TestDatabase } from '../../../../../tools/servers/sqlite.ts';

/** A thing that was made. */
export interface Made {
  readonly id: number;
  readonly path: string;
  readonly body: string;
  readonly headers: IncomingMessage['headers'];
}

/** A running API: every request that gets through makes a thing, however often it comes. */
export interface Api {
  readonly url: string;
  readonly made: Made[];
  /** Requests that came, let through or not. */
  readonly came: { readonly key: string | undefined; readonly path: string; readonly body: string }[];
  /** What happens to request number `index`: before it reaches the API, or to its answer on the way back. */
  trouble: (index: number, path: string) => Trouble;
  close(): Promise<void>;
}

/** `lost`: it takes effect and the answer is lost. `cut`: it never arrives. Or an answer that something else gives. */
export type Trouble =
  | undefined
  | 'lost'
  | 'cut'
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string };

/** Starts the API. Paths that begin with `/refuse` are answered 422 and make nothing. */
export async function startApi(options: { readonly echo?: boolean; readonly retentionMs?: number } = {}): Promise<Api> {
  const made: Made[] = [];
  const came: Api['came'] = [];
  const once = idempotency({
    store: memory(),
    scope: 'public',
    methods: ['POST', 'PUT', 'PATCH', 'DELETE'],
    echoKey: options.echo ?? false,
    ...(options.retentionMs !== undefined && { retentionMs: options.retentionMs }),
  })((request, response) => work(request, response, made));
  const server = createServer((request, response) => {
    const key = request.headers['idempotency-key'] as string | undefined;
    const path = request.url ?? '';
    const index = came.push({ key, path, body: '' }) - 1;
    const what = api.trouble(index, path);
    if (what === 'cut') return void request.socket.destroy();
    if (what === 'lost') loseReply(request, response);
    if (typeof what === 'object') {
      request.resume();
      return void response.writeHead(what.status, what.headers).end(what.body);
    }
    return once(request, response);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const api: Api = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    made,
    came,
    trouble: () => undefined,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return api;
}

async function work(request: IncomingMessage, response: ServerResponse, made: Made[]): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const path = request.url ?? '';
  const type = { 'content-type': 'application/json' };
  if (path.startsWith('/refuse')) return void response.writeHead(422, type).end('{"error":"no"}');
  if (path.startsWith('/break')) return void response.writeHead(500, type).end('{"error":"broken"}');
  const thing = { id: made.length + 1, path, body: Buffer.concat(chunks).toString(), headers: request.headers };
  made.push(thing);
  response.writeHead(201, type).end(JSON.stringify({ id: thing.id }));
}

/** The handler does its work and its answer is stored; what it writes to the client never arrives. */
function loseReply(request: IncomingMessage, response: ServerResponse): void {
  const write = request.socket.write.bind(request.socket);
  request.socket.write = ((...args: Parameters<typeof write>) => {
    response.socket?.destroy();
    return write(...args);
  }) as typeof write;
}

/** An open SQLite database of whatever driver this Node has. */
export function openDatabase(path: string): OutboxDatabase {
  return new TestDatabase(path);
}
