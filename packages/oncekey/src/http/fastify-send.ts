/**
 * The payload that Fastify is about to send, on its way through the tape (rule 14): a
 * whole one is held until the outcome is stored, of a stream only what completes it.
 * Keeps I5. What is written past Fastify, on the raw response, is not seen here.
 */
import type { ServerResponse } from 'node:http';
import { isUtf8 } from 'node:buffer';
import { Readable } from 'node:stream';
import { chain, type MaybePromise } from '../core/maybe.ts';
import type { HeaderLine } from '../core/outcome.ts';
import { grouped, namesRepeat } from './grouped.ts';
import type { Answer, HeadEdit, Send, Tape } from './seam.ts';

type HeaderValue = number | string | readonly string[] | undefined;

/** One answer that is being taped. */
export interface Taping {
  readonly tape: Tape;
  readonly edit: HeadEdit;
  /** The headers that were set before the handler; names in lower case. */
  readonly before: object;
}

/** What is used of a Fastify reply. */
export interface FastifyReply {
  readonly raw: ServerResponse;
  readonly statusCode: number;
  /** Ended, or taken over by the handler. */
  readonly sent: boolean;
  code(status: number): unknown;
  header(name: string, value: string | string[]): unknown;
  getHeaders(): object;
  removeHeader(name: string): unknown;
  hijack(): unknown;
  send(payload?: unknown): unknown;
}

/** Tapes `payload`; answers what to send in its place, or nothing when the connection was broken. */
export function tapePayload(
  reply: FastifyReply,
  payload: unknown,
  { tape, edit, before }: Taping,
): MaybePromise<{ readonly payload: unknown } | undefined> {
  const body = bodyOf(reply, payload);
  const headers = reply.getHeaders();
  const lines = linesOf(headers);
  tape.head(reply.statusCode, lines);
  for (const name of edit.remove) if (name in headers) reply.removeHeader(name);
  for (const [name, value] of edit.add) reply.header(name, value);
  if (isSource(body)) return { payload: Readable.from(played(body, tape, lengthIn(lines)), { objectMode: false }) };
  if (typeof body === 'string') tape.chunk(Buffer.from(body), true);
  else if (body instanceof Uint8Array) tape.chunk(body);
  return chain(tape.end(false), (send) => settled(reply, before, body, send));
}

/** Sends a whole answer through Fastify, so that its hooks and the headers set before stay. */
export function setAnswer(reply: FastifyReply, { status, headers, body }: Answer): Buffer | undefined {
  reply.code(status);
  setLines(reply, headers);
  return body.length === 0 ? undefined : Buffer.from(body.buffer, body.byteOffset, body.byteLength);
}

/**
 * What goes out in place of `payload`, which Fastify has made of an answer: without the type that it gives to bytes of
 * none, and small UTF-8 as text, which is a single piece with its head.
 */
export function asAnswered(reply: FastifyReply, payload: unknown, { headers }: Answer): unknown {
  if (!headers.some(([name]) => name.toLowerCase() === 'content-type')) reply.removeHeader('content-type');
  return payload instanceof Buffer && payload.length <= smallBytes && isUtf8(payload) ? payload.toString() : payload;
}

const smallBytes = 4096;

function settled(
  reply: FastifyReply,
  before: object,
  payload: unknown,
  send: Send,
): { readonly payload: unknown } | undefined {
  if (send === 'send') return { payload };
  if (send === 'break') {
    reply.hijack();
    reply.raw.destroy();
    return undefined;
  }
  for (const name of Object.keys(reply.getHeaders())) reply.removeHeader(name);
  setLines(reply, linesOf(before));
  return { payload: setAnswer(reply, send.instead) };
}

function setLines(reply: FastifyReply, lines: readonly HeaderLine[]): void {
  const groups = namesRepeat(lines) ? Object.entries(grouped(lines)) : lines;
  for (const [name, values] of groups) reply.header(name, values);
}

type Source = AsyncIterable<Uint8Array | string>;

/** What Fastify will make of the payload: bytes, text, nothing or a source; a web Response is taken apart as it would. */
function bodyOf(reply: FastifyReply, payload: unknown): unknown {
  if (typeof payload !== 'object' || payload === null) return payload;
  if (Object.prototype.toString.call(payload) === '[object Response]') {
    const { status, headers, body } = payload as Response;
    reply.code(status);
    for (const [name, value] of headers) reply.header(name, value);
    return body;
  }
  if (isSource(payload) || typeof (payload as Partial<NodeJS.ReadableStream>).pipe !== 'function') return payload;
  return new Readable().wrap(payload as NodeJS.ReadableStream);
}

function isSource(payload: unknown): payload is Source {
  return typeof payload === 'object' && payload !== null && Symbol.asyncIterator in payload;
}

async function* played(source: Source, tape: Tape, length: number | null): AsyncGenerator<Uint8Array> {
  let open = true;
  let bytesLeft = length;
  const settle = async (): Promise<void> => {
    open = false;
    if ((await tape.end(true)) !== 'send') throw new Error('the outcome could not be vouched for');
  };
  try {
    for await (const chunk of source) {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      tape.chunk(bytes);
      if (bytesLeft !== null && (bytesLeft -= bytes.length) <= 0 && open) await settle();
      yield bytes;
    }
    if (open) await settle();
  } finally {
    // Its reader has gone, or it broke: what the answer was will not be known.
    if (open) await tape.cut();
  }
}

function linesOf(headers: object): HeaderLine[] {
  const lines: HeaderLine[] = [];
  for (const [name, value] of Object.entries(headers) as [string, HeaderValue][]) {
    if (value === undefined) continue;
    if (Array.isArray(value)) for (const one of value as readonly string[]) lines.push([name, one]);
    else lines.push([name, String(value)]);
  }
  return lines;
}

function lengthIn(lines: readonly HeaderLine[]): number | null {
  const line = lines.find(([name]) => name === 'content-length');
  return line === undefined ? null : Number(line[1]);
}
