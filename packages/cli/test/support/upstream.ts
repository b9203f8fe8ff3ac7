/**
 * An upstream service of the test's own, in this process on a free port: remembers every
 * request that reached it, byte for byte, and does with it what the test says.
 */
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createSocketServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A request that arrived whole. */
export interface Call {
  readonly method: string;
  readonly target: string;
  readonly headers: IncomingMessage['headers'];
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
}

/** A listening service. */
export interface Upstream {
  readonly url: string;
  readonly port: number;
  readonly calls: Call[];
  /** Requests whose head arrived, whole or not. */
  heads(): number;
  close(): Promise<void>;
}

/** What the service does with a whole request. */
export type Act = (call: Call, response: ServerResponse, count: number) => void | Promise<void>;

/** Answers 201 with a body that names the call's number. */
export const order: Act = (_call, response, count) => {
  response.writeHead(201, { 'Content-Type': 'application/json', Location: `/orders/${count}` });
  response.end(JSON.stringify({ order: count }));
};

/** Starts one. */
export async function startUpstream(act: Act = order): Promise<Upstream> {
  const calls: Call[] = [];
  let heads = 0;
  const server = createServer((request, response) => {
    heads += 1;
    take(request).then(
      (call) => {
        calls.push(call);
        return act(call, response, calls.length);
      },
      () => response.destroy(),
    );
  });
  // As long as the tests last: what happens when it closes is another test's business.
  server.keepAliveTimeout = 0;
  server.maxHeadersCount = 0;
  const { url, port } = await listening(server);
  return { url, port, calls, heads: () => heads, close: () => closed(server, () => server.closeAllConnections()) };
}

/** A service that speaks bytes instead of HTTP: for upstreams that misbehave. */
export async function startSocketUpstream(
  act: (socket: Socket, request: string, count: number) => void,
): Promise<Upstream> {
  const sockets = new Set<Socket>();
  let count = 0;
  const server = createSocketServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      const head = text.indexOf('\r\n\r\n');
      const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0);
      if (head === -1 || text.length < head + 4 + length) return;
      const request = text;
      text = '';
      count += 1;
      act(socket, request, count);
    });
  });
  const { url, port } = await listening(server);
  const close = (): Promise<void> =>
    closed(server, () => {
      for (const socket of sockets) socket.destroy();
    });
  return { url, port, calls: [], heads: () => count, close };
}

/** A port on which nobody listens. */
export async function deadPort(): Promise<number> {
  const server = createServer();
  const { port } = await listening(server);
  await closed(server, () => undefined);
  return port;
}

/** Starts any listener, such as a key server, on a free port. */
export async function startServer(listener: RequestListener): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer(listener);
  const { url } = await listening(server);
  return { url, close: () => closed(server, () => server.closeAllConnections()) };
}

async function listening(server: Server): Promise<{ url: string; port: number }> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, port };
}

async function closed(server: Server, cut: () => void): Promise<void> {
  const end = new Promise<void>((resolve) => server.close(() => resolve()));
  cut();
  await end;
}

async function take(request: IncomingMessage): Promise<Call> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const { method = '', url = '', headers, rawHeaders } = request;
  return { method, target: url, headers, rawHeaders, body: Buffer.concat(chunks) };
}
