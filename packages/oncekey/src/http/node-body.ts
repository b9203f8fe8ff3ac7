/**
 * Reads a Node request's body as it arrives and puts it back before the stream ends, so
 * that body parsers behind us read it as if nobody had; what a parser in front of us has
 * made of it is taken as it is. Holds at most the limit. A body of known length is told in
 * the very tick of its last byte: a promise would cost more than all that is done here.
 */
import { AsyncResource } from 'node:async_hooks';
import type { IncomingMessage } from 'node:http';
import { IdempotencyError } from '../core/errors.ts';
import { onNode } from './node-shape.ts';
import type { AskBody } from './seam.ts';

/** Where body parsers leave what they made of a body. */
export interface Parsed {
  body?: unknown;
  /** The bytes, where a parser keeps them too. */
  rawBody?: unknown;
}

/** Who wants a body; one of the two is called, once. */
export interface BodyTaker {
  /** `giveBack`, if given, is to be called where the handler runs, right behind it, if that is at once. Answers whether anybody may still read the body. */
  read(body: AskBody, giveBack?: () => void): boolean;
  /** The client vanished half way. */
  gone(error: Error): void;
}

const noBytes = new Uint8Array(0);
const tooLarge: AskBody = { kind: 'too-large' };

const noLines: readonly string[] = [];

/** One entry a header line; `name` in lower case. */
export function linesOf(raw: readonly string[], name: string): readonly string[] {
  let lines: string[] | undefined;
  for (let at = 0; at < raw.length; at += 2) {
    const one = raw[at] ?? '';
    // The length decides nearly always, and costs nothing.
    if (one.length === name.length && one.toLowerCase() === name) (lines ??= []).push(raw[at + 1] ?? '');
  }
  return lines ?? noLines;
}

/** What is known of the body without reading it: undefined when it has to be read. */
export function knownBody(request: IncomingMessage, parsed: Parsed, limitBytes: number): AskBody | undefined {
  const length = lengthOf(request);
  if (length > limitBytes) return tooLarge;
  if (request.readableDidRead || request.readableEnded) return alreadyRead(parsed, limitBytes);
  if (length > 0 || linesOf(request.rawHeaders, 'transfer-encoding').length > 0) return undefined;
  return bytesOf(noBytes);
}

/** What the head says; NaN where it says nothing. */
function lengthOf(request: IncomingMessage): number {
  return Number(linesOf(request.rawHeaders, 'content-length')[0]);
}

/** Reads the body and tells it. */
export function readBody(request: IncomingMessage, limitBytes: number, taker: BodyTaker): void {
  new Reader(request as Reading, limitBytes, taker).start();
}

function alreadyRead({ body, rawBody }: Parsed, limitBytes: number): AskBody {
  const bytes = rawBody instanceof Uint8Array ? rawBody : typeof body === 'string' ? Buffer.from(body) : body;
  if (!(bytes instanceof Uint8Array)) return { kind: 'parsed', value: body };
  return bytes.length > limitBytes ? tooLarge : bytesOf(bytes);
}

function bytesOf(bytes: Uint8Array): AskBody {
  return { kind: 'bytes', bytes };
}

type Push = (this: IncomingMessage, chunk: Buffer | null) => boolean;
type Reading = IncomingMessage & { push: Push; oncekeyReader?: Reader };

/** Reads one body. */
class Reader {
  readonly #request: Reading;
  readonly #limitBytes: number;
  readonly #taker: BodyTaker;
  /** As it was found, and our own. */
  readonly #push: Push;
  readonly #take: Push = (chunk) => this.#taken(chunk);
  /** The bytes that complete the body, where the head tells them. */
  readonly #expected: number;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  #told = false;
  #given = false;
  /** Where the handler began to read. */
  #flow: AsyncResource | undefined;

  constructor(request: Reading, limitBytes: number, taker: BodyTaker) {
    this.#request = request;
    this.#limitBytes = limitBytes;
    this.#taker = taker;
    this.#push = request.push;
    this.#expected = lengthOf(request);
  }

  start(): void {
    const request = this.#request;
    request.oncekeyReader = this;
    request.on('close', closed);
    // Node's own parser feeds a request by `push`; and nothing may have arrived yet.
    if (onNode && request.readableLength === 0 && !request.complete) request.push = this.#take;
    else this.#drain();
  }

  closed(): void {
    if (this.#told || this.#request.complete) return;
    this.#told = true;
    this.#taker.gone(vanished());
  }

  /**
   * The usual way: takes what the parser pushes before the stream sees it, and pushes it on in one piece. Half the cost
   * of reading and putting back, and the stream that the handler gets was never touched. Where the head tells the length,
   * the handler runs before the parser says the end, as it would have.
   */
  #taken(chunk: Buffer | null): boolean {
    if (this.#told) return this.#passOn(chunk);
    const over = chunk !== null && this.#isTooMuch(chunk);
    if (!over && chunk !== null && this.#bytes !== this.#expected) return true;
    const whole = this.#whole();
    if (!over && chunk !== null) {
      this.#told = true;
      const wanted = this.#taker.read(bytesOf(whole), () => this.#giveBack(whole, true));
      if (wanted && !this.#given) this.#giveBack(whole, false);
      return true;
    }
    this.#giveBack(whole, false);
    if (chunk === null) this.#passOn(null);
    this.#tellLater(whole);
    return true;
  }

  /** Into the stream; what comes then is seen where the handler began to read. */
  #giveBack(whole: Buffer, reading: boolean): void {
    this.#given = true;
    // Somebody behind us may read in the same way by now.
    if (reading && this.#request.push === this.#take) this.#flow = new AsyncResource('oncekey');
    if (whole.length > 0) {
      if (this.#request.push === this.#take) this.#passOn(whole);
      else this.#request.push(whole);
    }
  }

  #passOn(chunk: Buffer | null): boolean {
    const flow = chunk === null ? this.#flow : undefined;
    return flow === undefined
      ? this.#push.call(this.#request, chunk)
      : flow.runInAsyncScope(this.#push, this.#request, chunk);
  }

  /** The way for bytes that the stream has already: reads them all, and puts them back before it says `end`. */
  #drain(): void {
    const request = this.#request;
    const drain = (): void => {
      let over = false;
      // Never a read of an empty stream that is complete: that would end it.
      while (request.readableLength > 0) {
        const chunk = request.read() as Buffer | string | null;
        if (chunk === null) break;
        over = this.#isTooMuch(
          typeof chunk === 'string' ? Buffer.from(chunk, request.readableEncoding ?? 'utf8') : chunk,
        );
      }
      if (!over && !request.complete) return;
      request.off('readable', drain);
      const whole = this.#whole();
      // In the same tick as the last read: then the stream has not said `end` yet, and will say it after these bytes.
      if (whole.length > 0) request.unshift(whole);
      this.#tellLater(whole);
    };
    request.on('readable', drain);
  }

  /** Behind the parser's own calls: the stream has ended, and must not say so before its reader is there. */
  #tellLater(whole: Buffer): void {
    this.#told = true;
    queueMicrotask(() => {
      this.#taker.read(this.#bytes > this.#limitBytes ? tooLarge : bytesOf(whole));
    });
  }

  #isTooMuch(chunk: Buffer): boolean {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    return this.#bytes > this.#limitBytes;
  }

  #whole(): Buffer {
    const chunks = this.#chunks;
    return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
  }
}

/** Shared by all requests: whoever reads now is the one who waits. */
function closed(this: IncomingMessage): void {
  (this as Required<Reading>).oncekeyReader.closed();
}

function vanished(): IdempotencyError<'field_invalid'> {
  const message = 'the client vanished half way; nothing has run';
  return new IdempotencyError('field_invalid', message, { field: 'body', reason: 'incomplete' });
}
