/**
 * HTTP by hand over a socket, because bytes are what is promised: no client library in
 * between that repairs, joins or decodes. It judges nothing.
 */
import { connect, type Socket } from 'node:net';
import { systemClock } from '../../core/clock.ts';
import type { HeaderLine } from '../../core/outcome.ts';

/** A request to send. */
export interface Sent {
  /** Default POST. */
  readonly method?: string;
  /** Default `/`. */
  readonly path?: string;
  readonly headers?: readonly HeaderLine[];
  /** The value of Idempotency-Key; none by default. */
  readonly key?: string;
  /** Default empty. */
  readonly body?: string | Uint8Array;
}

/** One answer, as it came over the wire. */
export interface Reply {
  /** 0 when none came. */
  readonly status: number;
  /** Header lines, in order, names in lower case. */
  readonly lines: readonly HeaderLine[];
  /** With chunks taken off. */
  readonly body: Buffer;
  /** Whether the answer was whole by its own framing. */
  readonly whole: boolean;
  /** The first value of a header; undefined when absent. */
  header(name: string): string | undefined;
  /** All values of a header, one a line. */
  all(name: string): string[];
}

/** A connection without an answer for so long is given up. */
const patienceMs = 20_000;

/** The bytes of a request that closes its connection. */
export function requestBytes({ method = 'POST', path = '/', headers = [], key, body = '' }: Sent): Buffer {
  const bytes = Buffer.from(body as string);
  const bodiless = method === 'GET' || method === 'HEAD' || headers.some(([name]) => /^transfer-encoding$/i.test(name));
  const lines = [
    `${method} ${path} HTTP/1.1`,
    'Host: test',
    'Connection: close',
    ...(key === undefined ? [] : [`Idempotency-Key: ${key}`]),
    ...headers.map(([name, value]) => `${name}: ${value}`),
    ...(bodiless ? [] : [`Content-Length: ${bytes.length}`]),
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
    const tired = systemClock.after(patienceMs, () => socket.destroy());
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      tired();
      resolve(parse(Buffer.concat(chunks), head));
    });
    socket.on('connect', () => write(socket));
  });
}

/** Reads an answer; interim answers (1xx) are passed over. */
export function parse(bytes: Buffer, head = false): Reply {
  const end = bytes.indexOf('\r\n\r\n');
  const [first = '', ...rest] = bytes.subarray(0, Math.max(end, 0)).toString('latin1').split('\r\n');
  const status = Number(first.split(' ')[1] ?? 0);
  if (status >= 100 && status < 200) return parse(bytes.subarray(end + 4), head);
  const lines = rest.map((line): HeaderLine => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  const all = (name: string): string[] => lines.filter(([one]) => one === name).map(([, value]) => value);
  const raw = end === -1 ? Buffer.alloc(0) : bytes.subarray(end + 4);
  const { body, whole } = frame(raw, all, head || status === 204 || status === 304);
  return { status, lines, body, whole: whole && end !== -1, all, header: (name) => all(name)[0] };
}

interface Framed {
  readonly body: Buffer;
  readonly whole: boolean;
}

function frame(raw: Buffer, all: (name: string) => string[], bodiless: boolean): Framed {
  if (bodiless) return { body: raw, whole: raw.length === 0 };
  if (all('transfer-encoding').includes('chunked')) return dechunk(raw);
  const length = all('content-length')[0];
  return { body: raw, whole: length !== undefined && Number(length) === raw.length };
}

function dechunk(raw: Buffer): Framed {
  const parts: Buffer[] = [];
  for (let at = 0; ;) {
    const line = raw.indexOf('\r\n', at);
    if (line === -1) return { body: Buffer.concat(parts), whole: false };
    const size = parseInt(raw.subarray(at, line).toString('latin1'), 16);
    if (size === 0) return { body: Buffer.concat(parts), whole: raw.indexOf('\r\n\r\n', line) !== -1 };
    parts.push(raw.subarray(line + 2, line + 2 + size));
    at = line + 2 + size + 2;
  }
}

/** A connection on which a case writes and looks step by step. */
export class Wire {
  readonly #socket: Socket;
  #seen: Buffer = Buffer.alloc(0);
  #closed = false;

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1');
    this.#socket.on('data', (chunk: Buffer) => (this.#seen = Buffer.concat([this.#seen, chunk])));
    this.#socket.on('error', () => undefined);
    this.#socket.on('close', () => (this.#closed = true));
  }

  /** What has come so far, as latin1. */
  get seen(): string {
    return this.#seen.toString('latin1');
  }

  /** Whether the connection has ended. */
  get closed(): boolean {
    return this.#closed;
  }

  /** What has come so far, as an answer. */
  get reply(): Reply {
    return parse(this.#seen);
  }

  write(bytes: string | Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** Reads no more, so that the server's answer finds no room. */
  stopReading(): void {
    this.#socket.pause();
  }

  /** Leaves without a word. */
  leave(): void {
    this.#socket.destroy();
  }
}
