/**
 * The two-phase HTTP seam: an entry translates its framework's request into an `Ask`,
 * gets told what to do, and, when the handler runs, plays the answer onto a `Tape`.
 * Two phases, so that streams stay streams: the answer passes through while it is taped.
 */
import type { Ownership } from '../core/engine.ts';
import type { MaybePromise } from '../core/maybe.ts';
import type { HeaderLine } from '../core/outcome.ts';

/** A request's body: bytes, what a body parser made of them, or too much of it. */
export type AskBody =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'parsed'; readonly value: unknown }
  | { readonly kind: 'too-large' };

/** What a scope function may answer: parts of the scope; an empty list is the public scope; null, undefined or a blank part is none. */
export type ScopeAnswer = string | readonly (string | null | undefined)[] | null | undefined;

/** One request but for its body, in the protocol's terms. */
export interface AskHead {
  /** In upper case. */
  readonly method: string;
  /** Origin-form: path and query as received. */
  readonly target: string;
  /** One entry a header line; `name` in lower case. Empty when absent. */
  headerLines(name: string): readonly string[];
  /** Who the key belongs to; called only for a keyed request. */
  scope(): MaybePromise<ScopeAnswer>;
  /** Keeps the runtime alive for work that goes on after the answer (workers). */
  readonly waitUntil?: (work: Promise<unknown>) => void;
}

/** One request, in the protocol's terms. */
export interface Ask extends AskHead {
  /** Called at most once, and only for a keyed request. Rejects when the client vanished half way. */
  body(limitBytes: number): MaybePromise<AskBody>;
}

/** A whole answer; Content-Length is among the headers where the status may have a body. */
export interface Answer {
  readonly status: number;
  readonly headers: readonly HeaderLine[];
  readonly body: Uint8Array;
}

/** What to do with the held-back end of an answer: let it go, give this one instead (nothing was sent yet), or break the connection. */
export type Send = 'send' | 'break' | { readonly instead: Answer };

/**
 * Records one answer. The entry holds back the chunk that completes Content-Length, or the end
 * marker when there is none, until `end` has answered (rule 14); everything else it sends at once.
 * Exactly one of `end`, `fail` and `cut` is called, once.
 */
export interface Tape {
  /** Status and header lines as the handler set them. */
  head(status: number, headers: readonly HeaderLine[]): void;
  /** The bytes are copied, so that the caller may reuse its buffer, unless they are `given` away. */
  chunk(bytes: Uint8Array, given?: boolean): void;
  /** The answer is whole. `sent`: whether any byte of it, its head included, has left already. */
  end(sent: boolean): MaybePromise<Send>;
  /** The handler threw. `send`: nothing to add, let the framework answer as it would (its answer is not taped). */
  fail(error: unknown, sent: boolean): MaybePromise<Send>;
  /** The answer broke off half way, by the client's or the server's doing: what it was will not be known. */
  cut(): MaybePromise<unknown>;
}

/** Changes to the live answer's head, made before it is sent. */
export interface HeadEdit {
  /** Lower-case names taken out, such as a replay marker that the handler set itself. */
  readonly remove: readonly string[];
  readonly add: readonly HeaderLine[];
}

/** What to do with a request. */
export type Begun =
  /** Not for us: run the handler, with `edit` on its answer. */
  | { readonly kind: 'pass'; readonly edit: HeadEdit }
  /** Send this; the handler does not run. `close`: the request's body was not read, close the connection after it. */
  | { readonly kind: 'answer'; readonly answer: Answer; readonly close: boolean }
  /** Run the handler inside `withWork(ownership, …)` and tape its answer. */
  | { readonly kind: 'run'; readonly ownership: Ownership; readonly tape: Tape; readonly edit: HeadEdit };

/** A request with a key, whose body decides the rest. */
export interface Keyed {
  readonly kind: 'keyed';
  readonly limitBytes: number;
  /** Called once. */
  read(body: AskBody): MaybePromise<Begun>;
}

/** The HTTP protocol over one store. */
export interface Protocol {
  begin(ask: Ask): MaybePromise<Begun>;
  /** The same, and goes on with `proceed` where the answer is: a promise in between costs more than most of what is done there. */
  begin<T>(ask: Ask, proceed: (begun: Begun) => MaybePromise<T>): MaybePromise<T>;
  /** The same for who reads the body himself: without a promise in between, where the store makes none. */
  open(ask: AskHead): MaybePromise<Begun | Keyed>;
  close(): Promise<void>;
}
