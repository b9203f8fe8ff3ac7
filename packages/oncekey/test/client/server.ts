/** A real HTTP server for tests of clients: answers by a script, remembers what came, and can lose its replies. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request as it came. */
export interface Came {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  readonly key: string | undefined;
}

/** What to do with a request: an answer, `cut` the connection, or let it `hang`. */
export type Act =
  | 'cut'
  | 'hang'
  | {
      readonly status?: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
    };

/** A running server. */
export interface TestServer {
  readonly url: string;
  readonly host: string;
  readonly came: Came[];
  close(): Promise<void>;
}

/** Starts a server that does `act(request, index)` with each request. */
export async function startServer(act: (request: Came, index: number) => Act | Promise<Act>): Promise<TestServer> {
  const came: Came[] = [];
  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method = '', url = '', headers } = request;
    const key = headers['idempotency-key'] as string | undefined;
    const one = { method, url, headers, key, body: Buffer.concat(chunks).toString('latin1') };
    came.push(one);
    const what = await act(one, came.length - 1);
    if (what === 'hang') return;
    if (what === 'cut') {
      request.socket.destroy();
      return;
    }
    response.writeHead(what.status ?? 200, { 'content-type': 'application/json', ...what.headers }).end(what.body);
  }
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `http://${host}`,
    host,
    came,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Acts in order; the last one goes on. */
export function inOrder(...acts: readonly Act[]): (request: Came, index: number) => Act {
  return (_request, index) => acts[Math.min(index, acts.length - 1)] ?? {};
}

/** The in-progress refusal as this library's servers write it. */
export const inProgress: Act = {
  status: 409,
  headers: { 'content-type': 'application/problem+json', 'retry-after': '0' },
  body: '{"type":"urn:oncekey:problem:idempotency_in_progress","status":409,"code":"idempotency_in_progress"}',
};
