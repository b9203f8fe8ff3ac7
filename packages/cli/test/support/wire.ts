/**
 * HTTP by hand over one socket, so that a test sees and sends exact bytes: no client
 * library in between that repairs, joins or decodes.
 */
import { connect, type Socket } from 'node:net';

/** An answer as it came over the wire. */
export interface WireAnswer {
  readonly status: number;
  /** Name and value, as sent, in order. */
  readonly lines: readonly (readonly [string, string])[];
  /** Values of one field, in order. */
  readonly header: (name: string) => string[];
  /** With chunks taken off. */
  readonly body: Buffer;
  /** Whether the body came to its declared end. */
  readonly whole: boolean;
}

/** Sends bytes and reads until the other side closes (or `waitMs` is over). */
export async function exchange(port: number, bytes: string | Buffer, waitMs = 20_000): Promise<Buffer> {
  const socket = connect(port, '127.0.0.1');
  const chunks: Buffer[] = [];
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => socket.destroy(), waitMs);
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(timer);
      resolve();
    });
    socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  });
  return Buffer.concat(chunks);
}

/** Makes a request text; a body gets its Content-Length, the connection is closed after the answer. */
export function requestText(
  method: string,
  target: string,
  headers: readonly (readonly [string, string])[] = [],
  body?: string | Buffer,
): Buffer {
  const content = body === undefined ? undefined : Buffer.from(body as string, 'utf8');
  let head = `${method} ${target} HTTP/1.1\r\nHost: gateway.test\r\nConnection: close\r\n`;
  for (const [name, value] of headers) head += `${name}: ${value}\r\n`;
  if (content !== undefined) head += `Content-Length: ${content.length}\r\n`;
  return Buffer.concat([Buffer.from(`${head}\r\n`, 'latin1'), content ?? Buffer.alloc(0)]);
}

/** Sends one request by hand and takes its answer apart. */
export async function ask(
  port: number,
  method: string,
  target: string,
  headers: readonly (readonly [string, string])[] = [],
  body?: string | Buffer,
): Promise<WireAnswer> {
  return parseAnswer(await exchange(port, requestText(method, target, headers, body)), method);
}

/** Takes an answer apart; interim answers are passed over. */
export function parseAnswer(bytes: Buffer, method = 'GET'): WireAnswer {
  const end = bytes.indexOf('\r\n\r\n');
  if (end === -1) return { status: 0, lines: [], header: () => [], body: bytes, whole: false };
  const [first = '', ...rest] = bytes.subarray(0, end).toString('latin1').split('\r\n');
  const status = Number(first.split(' ')[1]);
  if (status === 100) return parseAnswer(bytes.subarray(end + 4), method);
  const lines = rest.map((line): [string, string] => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
  const header = (name: string): string[] =>
    lines.filter(([each]) => each.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
  const content = bytes.subarray(end + 4);
  if (method === 'HEAD' || status === 204 || status === 304)
    return { status, lines, header, body: content, whole: true };
  if (header('transfer-encoding').join() === 'chunked') return { status, lines, header, ...unchunk(content) };
  const length = Number(header('content-length')[0] ?? content.length);
  return { status, lines, header, body: content.subarray(0, length), whole: content.length >= length };
}

function unchunk(content: Buffer): { body: Buffer; whole: boolean } {
  const parts: Buffer[] = [];
  for (let at = 0; ;) {
    const end = content.indexOf('\r\n', at);
    if (end === -1) return { body: Buffer.concat(parts), whole: false };
    const size = Number.parseInt(content.subarray(at, end).toString('latin1'), 16);
    if (size === 0) return { body: Buffer.concat(parts), whole: content.length >= end + 4 };
    parts.push(content.subarray(end + 2, end + 2 + size));
    at = end + 4 + size;
    if (at > content.length) return { body: Buffer.concat(parts), whole: false };
  }
}

/** An open connection on which a test sends and reads step by step. */
export class Wire {
  readonly socket: Socket;
  #seen = Buffer.alloc(0);
  #look: (() => void) | null = null;
  closed = false;

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('data', (chunk) => {
      this.#seen = Buffer.concat([this.#seen, chunk]);
      this.#look?.();
    });
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => {
      this.closed = true;
      this.#look?.();
    });
  }

  get seen(): Buffer {
    return this.#seen;
  }

  send(bytes: string | Buffer): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** Resolves when `enough` holds of what has come, or the connection is closed. */
  async until(enough: (seen: string) => boolean): Promise<string> {
    await new Promise<void>((resolve) => {
      this.#look = () => {
        if (this.closed || enough(this.#seen.toString('latin1'))) resolve();
      };
      this.#look();
    });
    this.#look = null;
    return this.#seen.toString('latin1');
  }

  end(): void {
    this.socket.destroy();
  }
}
