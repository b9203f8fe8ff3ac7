/**
 * Plays one answer to the client and, when the request is owned, onto its tape. Keeps I5
 * (rule 14): the chunk that completes Content-Length, or the end marker when there is
 * none, waits until the outcome is stored or released; nothing else waits. A client that
 * has gone, or stands still for too long, no longer holds the answer up (rule 11).
 */
import type { ServerResponse } from 'node:http';
import type { HeaderLine, MaybePromise } from 'oncekey';
import type { Answer, HeadEdit, Send, Tape } from 'oncekey/http';

/** How an answer is played. */
export interface Stage {
  readonly response: ServerResponse;
  /** Null: nothing is recorded and nothing held back. */
  readonly tape: Tape | null;
  readonly edit: HeadEdit;
  /** The request's method: answers to HEAD have no body. */
  readonly method: string;
  /** A client that takes nothing for so long is given up. */
  readonly stalledClientMs: number;
  /** The answer is over, recorded and sent or broken off. Called once. */
  readonly over: (status: number) => void;
}

interface Head {
  readonly status: number;
  readonly message: string;
  readonly headers: readonly HeaderLine[];
}

/** One answer on its way. */
export class LiveAnswer {
  readonly #stage: Stage;
  #head: Head | null = null;
  #sent = false;
  #remaining: number | null = null;
  #held: Buffer[] = [];
  #flush: NodeJS.Immediate | null = null;
  #settled = false;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  /** Whether the head has come: a failure after it can no longer be told in words. */
  get begun(): boolean {
    return this.#head !== null;
  }

  /** Whether the client can still be written to. */
  get clientGone(): boolean {
    return this.#stage.response.destroyed;
  }

  /** The answer's head. It leaves with the first bytes, or by itself when none follow at once. */
  head(status: number, message: string, headers: readonly HeaderLine[]): void {
    const { tape, method } = this.#stage;
    this.#head = { status, message, headers };
    tape?.head(status, headers);
    if (method !== 'HEAD' && status !== 204 && status !== 304) this.#remaining = declaredLength(headers);
    this.#flush = setImmediate(() => this.#flushHead());
  }

  /** Some of the body. False: the client is slow, wait for `drained`. */
  chunk(bytes: Buffer): boolean {
    const { tape } = this.#stage;
    // Every read has its own buffer, which nobody writes to again.
    tape?.chunk(bytes, true);
    if (tape !== null && this.#remaining !== null) {
      this.#remaining -= bytes.length;
      if (this.#remaining <= 0) {
        this.#held.push(bytes);
        return true;
      }
    }
    return this.#write(bytes);
  }

  /** Calls `go` when the client takes more, has gone, or has been given up. */
  drained(go: () => void): void {
    const { response, stalledClientMs } = this.#stage;
    const timer = setTimeout(() => response.destroy(), stalledClientMs);
    const once = (): void => {
      clearTimeout(timer);
      response.off('drain', once).off('close', once);
      go();
    };
    response.on('drain', once).on('close', once);
  }

  /** The answer is whole. */
  end(): void {
    this.#cancelFlush();
    const { tape } = this.#stage;
    this.#finish(tape === null ? 'send' : tape.end(this.#sent), () => this.#sendEnd());
  }

  /** An answer of the gateway's own instead of upstream's, of which nothing has come; it is the outcome. */
  own(answer: Answer): void {
    const { tape, response } = this.#stage;
    this.#head = { status: answer.status, message: '', headers: answer.headers };
    tape?.head(answer.status, answer.headers);
    tape?.chunk(answer.body);
    const edited = { ...answer, headers: editedLines(answer.headers, this.#stage.edit) };
    this.#finish(tape === null ? 'send' : tape.end(false), () => sendAnswer(response, edited, !response.req.complete));
  }

  /** Upstream broke off half way: so does the client's connection, and what the answer was will not be known. */
  broken(): void {
    this.#cancelFlush();
    const { tape, response } = this.#stage;
    response.destroy();
    Promise.resolve(tape?.cut()).then(
      () => this.#over(),
      () => this.#over(),
    );
  }

  #finish(send: MaybePromise<Send>, asPlayed: () => void): void {
    const act = (what: Send): void => {
      const { response } = this.#stage;
      try {
        if (what === 'send') asPlayed();
        else if (what === 'break') response.destroy();
        else sendAnswer(response, what.instead, false);
      } catch {
        // Node refused the head (a field that it will not send): the record stands, this copy cannot go out.
        response.destroy();
      }
      this.#over();
    };
    if (!(send instanceof Promise)) return act(send);
    send.then(act, () => act('break'));
  }

  #over(): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#stage.over(this.#head?.status ?? 0);
  }

  #write(bytes: Buffer): boolean {
    const { response } = this.#stage;
    this.#writeHead();
    return response.destroyed || response.write(bytes);
  }

  #sendEnd(): void {
    const { response } = this.#stage;
    this.#writeHead();
    if (response.destroyed) return;
    if (this.#held.length === 0) response.end();
    else response.end(this.#held.length === 1 ? this.#held[0] : Buffer.concat(this.#held));
  }

  #writeHead(): void {
    if (this.#sent || this.#head === null) return;
    this.#sent = true;
    const { response, edit } = this.#stage;
    if (response.destroyed) return;
    const { status, message, headers } = this.#head;
    const lines = flatLines(headers, edit);
    if (message !== '' && sendableMessage.test(message)) response.writeHead(status, message, lines);
    else response.writeHead(status, lines);
  }

  #flushHead(): void {
    // Only what waits to be held whole stays back; a head that nothing follows yet goes now.
    if (this.#held.length > 0 || this.#remaining === 0) return;
    try {
      this.#writeHead();
      if (!this.#stage.response.destroyed) this.#stage.response.flushHeaders();
    } catch {
      this.#stage.response.destroy();
    }
  }

  #cancelFlush(): void {
    if (this.#flush !== null) clearImmediate(this.#flush);
    this.#flush = null;
  }
}

// What Node accepts as a reason phrase; another one is replaced by the usual words.
const sendableMessage = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Sends a whole answer. `close`: the request's body was not read, so the connection ends after it. */
export function sendAnswer(response: ServerResponse, answer: Answer, close: boolean): void {
  if (response.destroyed) return;
  const { status, headers, body } = answer;
  const lines = headers.flat();
  const bodyless = status === 204 || status === 304;
  if (!bodyless && declaredLength(headers) === null) lines.push('Content-Length', String(body.length));
  if (close) lines.push('Connection', 'close');
  response.writeHead(status, lines);
  if (!close) {
    response.end(bodyless || body.length === 0 ? undefined : body);
    return;
  }
  if (body.length > 0) response.write(body);
  lingerThenEnd(response);
}

const lingerMs = 1000;
const lingerBytes = 1_048_576;

// Closing on unread bytes resets the connection, and the client may lose the answer it has
// not read yet: take a little more of its body first, bounded in time and size.
function lingerThenEnd(response: ServerResponse): void {
  const request = response.req;
  let size = 0;
  const end = (): void => {
    clearTimeout(timer);
    request.off('data', count).off('end', end).off('close', end);
    request.pause();
    response.end();
  };
  const count = (chunk: Buffer): void => {
    size += chunk.length;
    if (size > lingerBytes) end();
  };
  const timer = setTimeout(end, lingerMs);
  request.on('data', count).on('end', end).on('close', end).resume();
  if (request.complete) end();
}

function editedLines(lines: readonly HeaderLine[], edit: HeadEdit): readonly HeaderLine[] {
  if (edit.remove.length === 0 && edit.add.length === 0) return lines;
  const kept = edit.remove.length === 0 ? lines : lines.filter(([name]) => !edit.remove.includes(name.toLowerCase()));
  return edit.add.length === 0 ? kept : [...kept, ...edit.add];
}

function flatLines(lines: readonly HeaderLine[], edit: HeadEdit): string[] {
  const flat: string[] = [];
  for (const [name, value] of editedLines(lines, edit)) flat.push(name, value);
  return flat;
}

function declaredLength(headers: readonly HeaderLine[]): number | null {
  for (const [name, value] of headers) {
    if (name.length === 14 && name.toLowerCase() === 'content-length') return Number(value);
  }
  return null;
}
