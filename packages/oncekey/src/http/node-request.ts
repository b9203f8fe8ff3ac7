/**
 * A Node request in the protocol's terms. The body is read as it arrives and put back
 * before the stream ends, so that body parsers behind us read it as if nobody had; what
 * a parser in front of us has made of it is taken as it is. Holds at most the limit.
 */
import type { IncomingMessage } from 'node:http';
import { IdempotencyError } from '../core/errors.ts';
import type { MaybePromise } from '../core/maybe.ts';
import type { Ask, AskBody, ScopeAnswer } from './seam.ts';

/** Where body parsers leave what they made of a body. */
export interface Parsed {
  body?: unknown;
  /** The bytes, where a parser keeps them too. */
  rawBody?: unknown;
}

/** One request of a framework that stands on Node's own. */
export interface NodeAsker<R> {
  /** The framework's request, for the scope. */
  readonly own: R;
  readonly request: IncomingMessage;
  /** The request target before any router cut it. */
  readonly target: string;
  /** Of body parsers in front of us; often the framework's request itself. */
  readonly parsed: Parsed;
}

const noBytes = new Uint8Array(0);
const tooLarge: AskBody = { kind: 'too-large' };

/** One Node request as an {@link Ask}. */
export class NodeAsk<R> implements Ask {
  readonly method: string;
  readonly target: string;
  readonly #asker: NodeAsker<R>;
  readonly #scope: (own: R) => MaybePromise<ScopeAnswer>;

  constructor(asker: NodeAsker<R>, scope: (own: R) => MaybePromise<ScopeAnswer>) {
    this.method = asker.request.method ?? '';
    this.target = asker.target;
    this.#asker = asker;
    this.#scope = scope;
  }

  headerLines(name: string): readonly string[] {
    return linesOf(this.#asker.request.rawHeaders, name);
  }

  body(limitBytes: number): MaybePromise<AskBody> {
    const { request, parsed } = this.#asker;
    return readBody(request, parsed, limitBytes);
  }

  scope(): MaybePromise<ScopeAnswer> {
    return this.#scope(this.#asker.own);
  }
}

const noLines: readonly string[] = [];

function linesOf(raw: readonly string[], name: string): readonly string[] {
  let lines: string[] | undefined;
  for (let at = 0; at < raw.length; at += 2) {
    const one = raw[at] ?? '';
    // The length decides nearly always, and costs nothing.
    if (one.length === name.length && one.toLowerCase() === name) (lines ??= []).push(raw[at + 1] ?? '');
  }
  return lines ?? noLines;
}

function readBody(request: IncomingMessage, parsed: Parsed, limitBytes: number): MaybePromise<AskBody> {
  const length = linesOf(request.rawHeaders, 'content-length')[0];
  if (request.readableDidRead || request.readableEnded) {
    return Number(length ?? 0) > limitBytes ? tooLarge : alreadyRead(parsed, limitBytes);
  }
  if (length === undefined && linesOf(request.rawHeaders, 'transfer-encoding').length === 0) return bytesOf(noBytes);
  if (Number(length ?? 0) > limitBytes) return tooLarge;
  if (Number(length ?? 1) === 0) return bytesOf(noBytes);
  return new Promise((resolve, reject) => {
    if (mayIntercept(request)) intercept(request, limitBytes, resolve);
    else collect(request, limitBytes, resolve);
    request.on('close', () => {
      if (!request.complete) reject(vanished());
    });
  });
}

function alreadyRead({ body, rawBody }: Parsed, limitBytes: number): AskBody {
  const bytes = rawBody instanceof Uint8Array ? rawBody : typeof body === 'string' ? Buffer.from(body) : body;
  if (!(bytes instanceof Uint8Array)) return { kind: 'parsed', value: body };
  return bytes.length > limitBytes ? tooLarge : bytesOf(bytes);
}

function bytesOf(bytes: Uint8Array): AskBody {
  return { kind: 'bytes', bytes };
}

/** Whether the parser feeds the request by `push`, as Node's does; other runtimes only look alike. */
const pushed = !('bun' in process.versions || 'deno' in process.versions);

/** Nothing may have arrived yet. */
function mayIntercept(request: IncomingMessage): boolean {
  return pushed && request.readableLength === 0 && !request.complete;
}

/**
 * The usual way: takes what the parser pushes before the stream sees it, and pushes it on in one piece. Half the cost
 * of reading and putting back, and the stream that the handler gets was never touched.
 */
function intercept(request: IncomingMessage, limitBytes: number, resolve: (body: AskBody) => void): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const { push: pushOn } = request as { push: (this: IncomingMessage, chunk: Buffer | null) => boolean };
  const letGo = (): Buffer => {
    // Not deleted: an object that lost a property is slow from then on.
    request.push = pushOn;
    const whole = chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, bytes);
    if (bytes > 0) request.push(whole);
    return whole;
  };
  request.push = (chunk: Buffer | null): boolean => {
    if (chunk === null) {
      resolve(bytesOf(letGo()));
      return request.push(null);
    }
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > limitBytes) {
      letGo();
      resolve(tooLarge);
    }
    return true;
  };
}

/** The way for bytes that the stream has already: reads them all, and puts them back before it says `end`. */
function collect(request: IncomingMessage, limitBytes: number, resolve: (body: AskBody) => void): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const giveBack = (): Buffer => {
    request.off('readable', drain);
    const whole = chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, bytes);
    // In the same tick as the last read: then the stream has not said `end` yet, and will say it after these bytes.
    if (bytes > 0) request.unshift(whole);
    return whole;
  };
  const drain = (): void => {
    // Never a read of an empty stream that is complete: that would end it.
    while (request.readableLength > 0) {
      const chunk = request.read() as Buffer | string | null;
      if (chunk === null) break;
      const buffer = typeof chunk === 'string' ? Buffer.from(chunk, request.readableEncoding ?? 'utf8') : chunk;
      chunks.push(buffer);
      bytes += buffer.length;
    }
    if (bytes > limitBytes) {
      giveBack();
      resolve(tooLarge);
    } else if (request.complete) resolve(bytesOf(giveBack()));
  };
  request.on('readable', drain);
}

function vanished(): IdempotencyError<'field_invalid'> {
  const message = 'the client vanished before its request was whole; nothing has run';
  return new IdempotencyError('field_invalid', message, { field: 'body', reason: 'incomplete' });
}
