/**
 * Moves a handler's Response through the tape to the client (rule 14): a body of one
 * chunk is held whole, of a longer one only the chunk that completes Content-Length or
 * the close. When the client has gone the body is drained all the same (rule 11).
 */
import { systemClock } from '../core/clock.ts';
import type { HeaderLine } from '../core/outcome.ts';
import type { Answer, HeadEdit, Send, Tape } from './seam.ts';

type Read = Awaited<ReturnType<ReadableStreamDefaultReader<Uint8Array>['read']>>;

/** The Response for the client, taped. */
export async function pump(
  response: Response,
  tape: Tape,
  edit: HeadEdit,
  keepAlive: (work: Promise<unknown>) => void,
): Promise<Response> {
  tape.head(response.status, linesOf(response.headers));
  if (response.body === null) return finish(response, null, edit, await tape.end(false));
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  let first: Read;
  let second: Promise<Read>;
  try {
    first = await reader.read();
    if (first.done) return finish(response, null, edit, await tape.end(false));
    second = reader.read();
    second.catch(() => undefined);
    const whole = await Promise.race([second.then(({ done }) => done), nextMacrotask()]);
    tape.chunk(first.value);
    if (whole) return finish(response, first.value, edit, await tape.end(false));
  } catch (error) {
    await tape.cut();
    throw error;
  }
  const rest = new Rest(reader, tape, lengthOf(response));
  const stream = rest.stream(first.value, second, keepAlive);
  return edited(response, stream, edit);
}

/** False, once everything that is already on its way has arrived. */
function nextMacrotask(): Promise<false> {
  return new Promise((resolve) => {
    // Not every runtime has the immediate form; a timer of nothing is the same, only later.
    if (typeof setImmediate === 'function') setImmediate(() => resolve(false));
    else systemClock.after(0, () => resolve(false));
  });
}

/** The part of a longer body that streams. */
class Rest {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #tape: Tape;
  #bytesLeft: number | null;
  #gone = false;
  #settled: Send | undefined;

  constructor(reader: ReadableStreamDefaultReader<Uint8Array>, tape: Tape, length: number | null) {
    this.#reader = reader;
    this.#tape = tape;
    this.#bytesLeft = length;
  }

  stream(first: Uint8Array, second: Promise<Read>, keepAlive: (work: Promise<unknown>) => void): ReadableStream {
    let next: Promise<Read> | undefined = second;
    let finished: () => void = () => undefined;
    keepAlive(new Promise<void>((resolve) => (finished = resolve)));
    const advance = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
      const read = await (next ?? this.#reader.read());
      next = undefined;
      if (!(await this.#take(read, controller))) finished();
    };
    return new ReadableStream<Uint8Array>({
      start: async (controller) => {
        await this.#give(first, controller);
      },
      pull: (controller) =>
        advance(controller).catch(async (error: unknown) => {
          await this.#tape.cut();
          finished();
          controller.error(error);
        }),
      cancel: async () => {
        this.#gone = true;
        await this.#drain(next).finally(finished);
      },
    });
  }

  /** Answers whether there is more to come. */
  async #take(read: Read, controller: ReadableStreamDefaultController<Uint8Array>): Promise<boolean> {
    if (!read.done) {
      this.#tape.chunk(read.value);
      await this.#give(read.value, controller);
      return true;
    }
    this.#settled ??= await this.#tape.end(true);
    if (this.#gone) return false;
    if (this.#settled === 'send') controller.close();
    else controller.error(new Error('the outcome could not be vouched for; ask again with the same key'));
    return false;
  }

  async #give(bytes: Uint8Array, controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    if (this.#bytesLeft !== null && (this.#bytesLeft -= bytes.length) <= 0) {
      this.#settled ??= await this.#tape.end(true);
      if (this.#settled !== 'send') return;
    }
    if (!this.#gone) controller.enqueue(bytes);
  }

  async #drain(next: Promise<Read> | undefined): Promise<void> {
    try {
      let read = await (next ?? this.#reader.read());
      for (; !read.done; read = await this.#reader.read()) this.#tape.chunk(read.value);
      this.#settled ??= await this.#tape.end(true);
    } catch {
      // The handler's own stream broke: what the answer was will not be known.
      await this.#tape.cut();
    }
  }
}

function finish(response: Response, body: Uint8Array | null, edit: HeadEdit, send: Send): Response {
  if (send === 'send') return edited(response, body, edit);
  if (send === 'break') return Response.error();
  return toResponse(send.instead);
}

/** A Response of a whole answer. */
export function toResponse({ status, headers, body }: Answer): Response {
  const lines = new Headers();
  for (const [name, value] of headers) lines.append(name, value);
  const bodiless = body.length === 0 || status === 204 || status === 205 || status === 304;
  return new Response(bodiless ? null : body.slice(), { status, headers: lines });
}

/** The same Response with another body and the edit applied. */
export function edited(response: Response, body: Uint8Array | ReadableStream | null, edit: HeadEdit): Response {
  const headers = new Headers(response.headers);
  for (const name of edit.remove) headers.delete(name);
  for (const [name, value] of edit.add) headers.set(name, value);
  const { status, statusText } = response;
  return new Response(body as ConstructorParameters<typeof Response>[0], { status, statusText, headers });
}

/** Header lines; fetch lower-cases names and joins all but Set-Cookie. */
function linesOf(headers: Headers): HeaderLine[] {
  return [...headers];
}

function lengthOf(response: Response): number | null {
  const length = response.headers.get('content-length');
  return length === null ? null : Number(length);
}
