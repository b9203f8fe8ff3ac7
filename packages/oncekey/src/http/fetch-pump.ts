/**
 * Moves a handler's Response through the tape to the client (rule 14): a body of one
 * chunk is held whole, of a longer one only the chunk that completes Content-Length or
 * the close. When the client has gone the body is drained all the same (rule 11).
 */
import { systemClock } from '../core/clock.ts';
import { chain, isPromise, type MaybePromise } from '../core/maybe.ts';
import type { HeaderLine } from '../core/outcome.ts';
import { withWork } from '../core/work.ts';
import { toResponse } from './fetch-answer.ts';
import { wholeOf, type WholeAnswer } from './fetch-whole.ts';
import type { Begun, HeadEdit, Send, Tape } from './seam.ts';

type Read = Awaited<ReturnType<ReadableStreamDefaultReader<Uint8Array>['read']>>;

/** Keeps a runtime alive for work behind the answer. */
export type KeepAlive = (work: Promise<unknown>) => void;

/**
 * Lets `act` answer as the owner, and delivers its Response, taped: the very one where nothing had to be changed. What it
 * throws is answered or thrown on, as the tape says.
 */
export function runTaped<T, R>(
  begun: Extract<Begun, { kind: 'run' }>,
  act: () => MaybePromise<T>,
  responseOf: (acted: T) => Response,
  deliver: (response: Response) => R,
  keepAlive: KeepAlive = ignore,
): MaybePromise<R> {
  const failed = (error: unknown): MaybePromise<R> =>
    chain(begun.tape.fail(error, false), (send) => {
      if (send === 'send') throw error;
      return deliver(send === 'break' ? broken() : toResponse(send.instead));
    });
  const tapedOf = (acted: T): MaybePromise<R> => chain(taped(responseOf(acted), begun, keepAlive), deliver);
  let acted: MaybePromise<T>;
  try {
    acted = withWork(begun.ownership, act);
  } catch (error) {
    return failed(error);
  }
  return isPromise(acted) ? acted.then(tapedOf, failed) : tapedOf(acted);
}

function taped(
  response: Response,
  { tape, edit }: Extract<Begun, { kind: 'run' }>,
  keepAlive: KeepAlive,
): MaybePromise<Response> {
  const whole = wholeOf(response);
  return whole === undefined ? pump(response, tape, edit, keepAlive) : play(response, whole, tape, edit);
}

function ignore(): void {}

/** A whole answer passes as it is, or another one takes its place. */
function play(
  response: Response,
  { status, headers, body }: WholeAnswer,
  tape: Tape,
  edit: HeadEdit,
): MaybePromise<Response> {
  tape.head(status, headers);
  if (typeof body === 'string') tape.chunk(Buffer.from(body), true);
  else if (body !== null) tape.chunk(body);
  const isEdited = edit.add.length > 0 || headers.some(([name]) => edit.remove.includes(name.toLowerCase()));
  return chain(tape.end(false), (send) =>
    send === 'send' && !isEdited ? response : finish(response, body, edit, send),
  );
}

async function pump(response: Response, tape: Tape, edit: HeadEdit, keepAlive: KeepAlive): Promise<Response> {
  // The body first: servers that make their Response late give it its type only then.
  const { body } = response;
  tape.head(response.status, linesOf(response.headers));
  if (body === null) return finish(response, null, edit, await tape.end(false));
  const reader = (body as ReadableStream<Uint8Array>).getReader();
  const early: Uint8Array[] = [];
  let next = reader.read();
  try {
    const soon = nextMacrotask();
    for (let read = await Promise.race([next, soon]); read !== false; read = await Promise.race([next, soon])) {
      if (read.done) return finish(response, early[0] ?? null, edit, await tape.end(false));
      early.push(read.value);
      tape.chunk(read.value);
      next = reader.read();
      if (early.length > 1) break;
    }
  } catch (error) {
    await tape.cut();
    throw error;
  }
  // A later failure is met where it is read; until then it is nobody's.
  next.catch(() => undefined);
  const rest = new Rest(reader, tape, lengthOf(response));
  return edited(response, rest.stream(early, next, keepAlive), edit);
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
  #over = false;
  #settled: Send | undefined;

  constructor(reader: ReadableStreamDefaultReader<Uint8Array>, tape: Tape, length: number | null) {
    this.#reader = reader;
    this.#tape = tape;
    this.#bytesLeft = length;
  }

  stream(early: readonly Uint8Array[], pending: Promise<Read>, keepAlive: KeepAlive): ReadableStream {
    let next: Promise<Read> | undefined = pending;
    let finished: () => void = () => undefined;
    keepAlive(new Promise<void>((resolve) => (finished = resolve)));
    // One read at a time, also when the client leaves in the middle of one.
    let turn: Promise<void> = Promise.resolve();
    const advance = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
      try {
        const read = await (next ?? this.#reader.read());
        next = undefined;
        if (await this.#take(read, controller)) return;
      } catch (error) {
        await this.#break();
        if (!this.#gone) controller.error(error);
      }
      this.#over = true;
      finished();
    };
    return new ReadableStream<Uint8Array>({
      start: async (controller) => {
        for (const bytes of early) await this.#give(bytes, controller);
      },
      pull: (controller) => (turn = advance(controller)),
      cancel: async () => {
        this.#gone = true;
        await turn;
        if (!this.#over) await this.#drain(next).finally(finished);
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
    else controller.error(notVouched());
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
      await this.#break();
    }
  }

  /** The handler's own stream broke: what the answer was will not be known, unless it was complete. */
  async #break(): Promise<void> {
    if (this.#settled !== undefined) return;
    this.#settled = 'break';
    await this.#tape.cut();
  }
}

function finish(response: Response, body: string | Uint8Array | null, edit: HeadEdit, send: Send): Response {
  if (send === 'send') return edited(response, body, edit);
  if (send === 'break') return broken();
  return toResponse(send.instead);
}

/** The nearest that fetch has to a connection that breaks: a body that fails. */
function broken(): Response {
  return new Response(new ReadableStream({ start: (controller) => controller.error(notVouched()) }));
}

function notVouched(): Error {
  return new Error('the outcome could not be vouched for; ask again with the same key');
}

/** The same Response with another body and the edit applied. */
export function edited(
  response: Response,
  body: string | Uint8Array | ReadableStream | null,
  edit: HeadEdit,
): Response {
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
