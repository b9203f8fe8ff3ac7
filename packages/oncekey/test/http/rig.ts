/**
 * What the end-to-end tests stand on: servers on a free port that end with the test, and
 * a client that speaks over a raw socket, because bytes are what is promised.
 */
import { createServer, type RequestListener, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** Starts a server for this test; answers its port. */
export async function serve(listener: RequestListener): Promise<number> {
  const server: Server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** One answer, as it came over the wire. */
export interface Reply {
  readonly status: number;
  /** Header lines, in order, names in lower case. */
  readonly lines: readonly (readonly [string, string])[];
  readonly body: Buffer;
  /** Whether the answer was whole by its own framing. */
  readonly whole: boolean;
  header(name: string): string | undefined;
  all(name: string): string[];
}

/** A request to send. */
export interface Sent {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: readonly (readonly [string, string])[];
  readonly key?: string;
  readonly body?: string | Uint8Array;
}

/** The bytes of a request that closes its connection. */
export function requestBytes({ method = 'POST', path = '/', headers = [], key, body = '' }: Sent): Buffer {
  const bytes = Buffer.from(body as string);
  const lines = [
    `${method} ${path} HTTP/1.1`,
    'Host: test',
    'Connection: close',
    ...(key === undefined ? [] : [`Idempotency-Key: ${key}`]),
    ...headers.map(([name, value]) => `${name}: ${value}`),
    ...(method === 'GET' || method === 'HEAD' ? [] : [`Content-Length: ${bytes.length}`]),
  ];
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), bytes]);
}

/** Sends a request and reads the answer until the connection ends. */
export function send(port: number, sent: Sent = {}): Promise<Reply> {
  return exchange(port, (socket) => socket.write(requestBytes(sent)), sent.method === 'HEAD');
}

/** Lets `write` use a fresh connection, and reads the answer until it ends. */
export function exchange(port: number, write: (socket: Socket) => unknown, head = false): Promise<Reply> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(parse(Buffer.concat(chunks), head)));
    socket.on('connect', () => write(socket));
  });
}

/** Reads an answer. */
export function parse(bytes: Buffer, head = false): Reply {
  const end = bytes.indexOf('\r\n\r\n');
  const [first = '', ...rest] = bytes.subarray(0, Math.max(end, 0)).toString('latin1').split('\r\n');
  const lines = rest.map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
  });
  const all = (name: string): string[] => lines.filter(([one]) => one === name).map(([, value]) => value);
  const status = Number(first.split(' ')[1] ?? 0);
  const raw = end === -1 ? Buffer.alloc(0) : bytes.subarray(end + 4);
  const { body, whole } = frame(raw, all, head || status === 204 || status === 304);
  return { status, lines, body, whole: whole && end !== -1, all, header: (name) => all(name)[0] };
}

function frame(raw: Buffer, all: (name: string) => string[], bodiless: boolean): { body: Buffer; whole: boolean } {
  if (bodiless) return { body: raw, whole: raw.length === 0 };
  if (all('transfer-encoding').includes('chunked')) return dechunk(raw);
  const length = all('content-length')[0];
  return { body: raw, whole: length !== undefined && Number(length) === raw.length };
}

function dechunk(raw: Buffer): { body: Buffer; whole: boolean } {
  const parts: Buffer[] = [];
  for (let at = 0; ;) {
    const line = raw.indexOf('\r\n', at);
    if (line === -1) return { body: Buffer.concat(parts), whole: false };
    const size = parseInt(raw.subarray(at, line).toString('latin1'), 16);
    if (size === 0) return { body: Buffer.concat(parts), whole: true };
    parts.push(raw.subarray(line + 2, line + 2 + size));
    at = line + 2 + size + 2;
  }
}

/** A promise and its resolution, for tests that hold a handler still. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}
