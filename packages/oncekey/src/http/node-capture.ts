/**
 * Tapes the answer that a handler writes to a Node response, and holds back the one
 * piece that would complete it until the outcome is stored (rule 14): a single
 * `end(body)` whole, else the chunk that completes Content-Length, else the end marker.
 * Everything else passes at once, with its own return values and callbacks, so that
 * pipes live. The work goes on when the client has gone (rule 11).
 */
import type { ServerResponse } from 'node:http';
import type { Clock } from '../core/clock.ts';
import { isPromise, type MaybePromise } from '../core/maybe.ts';
import type { HeaderLine } from '../core/outcome.ts';
import { checkedLines, headLines, withoutNames, type GivenHeaders } from './node-head.ts';
import { tellKept } from './node-kept.ts';
import { call, nodeError, type Method, type Methods, type Piece } from './node-piece.ts';
import { sendAnswer } from './node-send.ts';
import type { HeadEdit, Send, Tape } from './seam.ts';
import { warn } from '../core/tell.ts';

/** A response that is being taped. */
export interface Captured extends ServerResponse {
  /** Of the innermost protection, or of the one whose turn it is. */
  oncekeyCapture?: Capture;
}

/** What becomes of one response: taped while `open`, complete but unsent while `held`, untouched when `through`. */
type Phase = 'open' | 'held' | 'through';

/** What `writeHead` was given. */
interface Given {
  readonly message: string | undefined;
  readonly headers: GivenHeaders | undefined;
  readonly lines: readonly HeaderLine[];
}

const noLines: readonly HeaderLine[] = [];

/** How a response is captured. */
export interface CaptureAsk {
  readonly tape: Tape;
  readonly edit: HeadEdit;
  readonly clock: Clock;
  /** How long an answer without a reader may stand still before it counts as broken off. */
  readonly idleMs: number;
}

/** The capture of one response. */
export class Capture {
  readonly #response: Captured;
  readonly #ask: CaptureAsk;
  readonly #before: ReturnType<ServerResponse['getHeaders']> | undefined;
  /** The capture of another protection that stands around this one. */
  readonly outer: Capture | undefined;
  /** The methods as they were found. */
  readonly found: Methods;
  readonly #taped: Methods;
  phase: Phase = 'open';
  /** Whether the current call is our own, on its way through Node. */
  passing = false;
  /** Whether only inner middleware is to see the head. */
  #probing = false;
  #given: Given | undefined;
  #headTaped = false;
  #begun = false;
  /** Bytes that complete Content-Length; null when there is none. */
  #bytesLeft: number | null = null;
  #lastPiece: Piece | undefined;
  #endPiece: Piece | undefined;
  #activity = 0;

  constructor(response: Captured, ask: CaptureAsk, taped: Methods) {
    this.#response = response;
    this.#ask = ask;
    this.#taped = taped;
    this.#before = response.getHeaderNames().length > 0 ? response.getHeaders() : undefined;
    const { writeHead, write, end, flushHeaders, destroy } = response as unknown as Methods;
    const found = { writeHead, write, end, flushHeaders, destroy };
    this.outer = response.oncekeyCapture;
    this.found = this.outer === undefined ? found : seenBy(this.outer, found);
  }

  /** Whether the handler has sent the head as far as it knows, though it is kept here. */
  get headKept(): boolean {
    return (
      !this.passing &&
      this.phase !== 'through' &&
      (this.phase === 'held' || (this.#given !== undefined && !this.#begun))
    );
  }

  /** Whether the handler has ended the answer, though its end is held back. */
  get endKept(): boolean {
    return !this.passing && this.phase === 'held' && this.#endPiece !== undefined;
  }

  /** Keeps an explicit head until the first byte leaves: until then the whole answer can still be exchanged. */
  takeHead(status: number, message: string | undefined, headers: GivenHeaders | undefined): void {
    if (this.#probing) return;
    if (this.#begun || this.#given !== undefined) {
      throw nodeError('Cannot write headers after they are sent to the client', 'ERR_HTTP_HEADERS_SENT');
    }
    const lines = headers === undefined ? noLines : checkedLines(headers);
    this.#response.statusCode = status;
    if (message !== undefined) this.#response.statusMessage = message;
    this.#given = { message, headers, lines };
    tellKept(this.#response);
  }

  takeWrite(piece: Piece): boolean {
    this.#activity++;
    this.#tapeHead();
    const bytes = this.#tapeChunk(piece);
    if (this.#bytesLeft !== null && (this.#bytesLeft -= bytes) <= 0) {
      this.#lastPiece = piece;
      this.#settle();
      return true;
    }
    return this.#pass(piece);
  }

  takeEnd(piece: Piece): void {
    this.#tapeHead();
    this.#tapeChunk(piece);
    if (this.#begun && this.#bytesLeft === null && piece.chunk !== undefined) {
      this.#pass({ ...piece, callback: undefined });
      this.#endPiece = { ...piece, chunk: undefined };
    } else this.#endPiece = piece;
    this.#settle();
  }

  /** `end` after the answer was complete: waits for its turn, or is one too many. */
  takeLateEnd(piece: Piece): void {
    if (this.#endPiece === undefined) this.#endPiece = { ...piece, chunk: undefined };
    else piece.callback?.(nodeError('end was called twice', 'ERR_STREAM_ALREADY_FINISHED'));
  }

  takeFlush(): void {
    this.#tapeHead();
    this.#begin();
    this.#through(() => this.found.flushHeaders.call(this.#response));
  }

  /** The answer breaks off: what it was will not be known. */
  cut(): void {
    if (this.phase !== 'open') return;
    this.phase = 'through';
    const done = this.#ask.tape.cut();
    if (isPromise(done)) done.catch(warn);
  }

  /** The handler threw; answers whether its error is still to be thrown on. */
  fail(error: unknown): MaybePromise<boolean> {
    if (this.phase !== 'open') return true;
    this.phase = 'held';
    const sent = this.#ask.tape.fail(error, this.#begun);
    const go = (send: Send): boolean => {
      this.#finish(send);
      return send === 'send';
    };
    return isPromise(sent) ? sent.then(go) : go(sent);
  }

  /** The connection has gone while the handler is at work. */
  lostReader(): void {
    if (this.phase !== 'open') return;
    const response = this.#response;
    // A source that was piped stops with its reader; whoever writes by himself goes on.
    if (this.#begun && response.listenerCount('unpipe') > 0) return this.cut();
    response.on('pipe', (source: { once(event: 'close', listener: () => void): unknown }) => {
      source.once('close', () => this.cut());
    });
    if (!this.#begun) return;
    // Who waits for room goes on, too: what is written from now on is only taped.
    response.emit('drain');
    this.#watch();
  }

  #watch(): void {
    const seen = this.#activity;
    this.#ask.clock.after(this.#ask.idleMs, () => {
      if (this.#activity === seen) this.cut();
      else if (this.phase === 'open') this.#watch();
    });
  }

  #tapeHead(): void {
    if (this.#headTaped) return;
    this.#headTaped = true;
    const response = this.#response;
    if (this.#given === undefined && (response as unknown as Methods).writeHead !== this.#taped.writeHead) {
      // Middleware behind us sets headers at the last moment: let it, before the head is taped.
      this.#probing = true;
      response.writeHead(response.statusCode);
      this.#probing = false;
    }
    const lines = headLines(response, this.#given?.headers, this.#given?.lines ?? noLines);
    this.#ask.tape.head(response.statusCode, lines);
    for (const [name, value] of lines) {
      const lower = name.toLowerCase();
      if (lower === 'content-length') this.#bytesLeft = Number(value);
      else if (this.#ask.edit.remove.includes(lower)) this.#removeHeader(lower);
    }
    for (const [name, value] of this.#ask.edit.add) response.setHeader(name, value);
  }

  #removeHeader(lower: string): void {
    this.#response.removeHeader(lower);
    const { message, headers, lines = noLines } = this.#given ?? {};
    if (headers !== undefined) this.#given = { message, headers: withoutNames(headers, [lower]), lines };
  }

  #tapeChunk({ chunk, encoding }: Piece): number {
    if (chunk === undefined) return 0;
    // A copy in any case: from Node's pool where it is small.
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk, encoding) : Buffer.from(chunk);
    this.#ask.tape.chunk(bytes, true);
    return bytes.length;
  }

  /** Asks the tape whether the held piece may go. */
  #settle(): void {
    this.phase = 'held';
    const send = this.#ask.tape.end(this.#begun);
    if (!isPromise(send)) return this.#finish(send);
    tellKept(this.#response);
    send
      .then((answer) => this.#finish(answer))
      .catch((error: unknown) => {
        warn(error);
        this.#finish('break');
      });
  }

  #finish(send: Send): void {
    this.phase = 'through';
    const response = this.#response;
    if (send === 'break') this.found.destroy.call(response);
    else if (send === 'send') this.#sendHeld();
    else {
      this.#clearHead();
      this.#through(() => sendAnswer(response, send.instead, false));
      this.#lastPiece?.callback?.();
    }
  }

  #sendHeld(): void {
    const last = this.#lastPiece;
    const end = this.#endPiece;
    if (last === undefined && end === undefined) return;
    this.#begin();
    if (last !== undefined) this.#through(() => call(this.#response, this.found.write, last));
    if (end !== undefined) this.#through(() => call(this.#response, this.found.end, end));
  }

  #pass(piece: Piece): boolean {
    this.#begin();
    if (!this.#response.destroyed) return this.#through(() => call(this.#response, this.found.write, piece)) === true;
    // Nobody listens any more; the writer must not wait for a drain that never comes.
    if (piece.callback !== undefined) process.nextTick(piece.callback);
    return true;
  }

  /** The head is final. */
  #begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    const given = this.#given;
    if (given === undefined) return;
    const response = this.#response;
    const args = [response.statusCode, given.message, given.headers].filter((one) => one !== undefined);
    this.#through(() => this.found.writeHead.call(response, ...args));
  }

  /** Takes back what the handler set, and leaves what outer middleware had set before it. */
  #clearHead(): void {
    const response = this.#response;
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    for (const [name, value] of Object.entries(this.#before ?? {})) {
      if (value !== undefined) response.setHeader(name, value);
    }
    response.statusMessage = '';
  }

  #through<T>(act: () => T): T {
    const before = this.passing;
    this.passing = true;
    try {
      return act();
    } finally {
      this.passing = before;
    }
  }
}

/** The methods as what `outer` sees of them: while one is called, it is that protection's turn. */
function seenBy(outer: Capture, found: Methods): Methods {
  const seen = (method: Method): Method =>
    function (this: Captured, ...args) {
      const inner = this.oncekeyCapture ?? outer;
      this.oncekeyCapture = outer;
      try {
        return method.apply(this, args);
      } finally {
        this.oncekeyCapture = inner;
      }
    };
  const all = Object.entries(found as Methods & Record<string, Method>);
  return Object.fromEntries(all.map(([name, method]) => [name, seen(method)])) as unknown as Methods;
}
