/**
 * A fetch Request in the protocol's terms. Its body is read from below or from a clone, so that the
 * handler gets the very request that came, unread; or where the framework keeps what was
 * read, from there. Holds at most the limit.
 */
import { isPromise, type MaybePromise } from '../core/maybe.ts';
import { incomingOf, joined, readBelow, type Incoming } from './fetch-incoming.ts';
import type { Ask, AskBody, Begun, Protocol, ScopeAnswer } from './seam.ts';

const noLines: readonly string[] = [];
const emptyBody: AskBody = { kind: 'bytes', bytes: new Uint8Array(0) };

/** What a fetch request does not know of itself. */
export interface FetchFacts {
  /** Who the key belongs to. */
  scope(): MaybePromise<ScopeAnswer>;
  /** Keeps the runtime alive for work behind the answer. */
  readonly waitUntil?: ((work: Promise<unknown>) => void) | undefined;
  /** Reads the body so that whoever asks the same way later gets it too: cheaper than a clone by far. */
  shared?(): Promise<ArrayBuffer>;
}

/** One fetch request as an {@link Ask}. */
export class FetchAsk implements Ask {
  readonly method: string;
  readonly waitUntil?: (work: Promise<unknown>) => void;
  readonly #request: Request;
  readonly #facts: FetchFacts;
  /** Where the body was read and still is. */
  #below: Incoming | undefined;
  /** What the framework keeps of the body since it was read here. */
  bytes: Uint8Array | undefined;

  constructor(request: Request, facts: FetchFacts) {
    this.method = request.method;
    this.#request = request;
    this.#facts = facts;
    if (facts.waitUntil !== undefined) this.waitUntil = facts.waitUntil;
  }

  /** Taken from the address, which this runtime has normalised already. */
  get target(): string {
    const { url } = this.#request;
    const start = url.indexOf('/', url.indexOf('://') + 3);
    const end = url.indexOf('#', start);
    return start === -1 ? '/' : url.slice(start, end === -1 ? undefined : end);
  }

  /** Repeated lines have been joined before we could see them. */
  headerLines(name: string): readonly string[] {
    const value = this.#request.headers.get(name);
    return value === null ? noLines : [value];
  }

  body(limitBytes: number): MaybePromise<AskBody> {
    const request = this.#request;
    const declared = request.headers.get('content-length');
    if (Number(declared ?? 0) > limitBytes) return { kind: 'too-large' };
    const incoming = incomingOf(request);
    if (incoming !== undefined) {
      this.#below = incoming;
      return readBelow(incoming, limitBytes);
    }
    const { shared } = this.#facts;
    if (shared !== undefined) {
      // Of a length that nobody knows only a stream can be cut off in time.
      if (declared !== null || request.bodyUsed) {
        return shared().then((bytes) => ({ kind: 'bytes', bytes: (this.bytes = new Uint8Array(bytes)) }));
      }
    }
    if (request.body === null) return emptyBody;
    return readAll(request.clone().body, limitBytes);
  }

  scope(): MaybePromise<ScopeAnswer> {
    return this.#facts.scope();
  }

  /**
   * The answer is whole or on its way: who wants the body has it, or has begun to read it. A stream that nobody reads is let
   * go: else the server waits for its reader, with a timer, before the next request.
   */
  over(): void {
    const below = this.#below;
    if (below?.rawBody !== undefined && below.readableFlowing === null) below.resume();
  }
}

/** Asks the protocol and does what `proceed` makes of its answer; what is thrown rejects. */
export function proceedBy<T>(protocol: Protocol, ask: Ask, proceed: (begun: Begun) => MaybePromise<T>): Promise<T> {
  try {
    const done = protocol.begin(ask, proceed);
    return isPromise(done) ? done : Promise.resolve(done);
  } catch (error) {
    return Promise.reject(error as Error);
  }
}

async function readAll(body: ReadableStream<Uint8Array> | null, limitBytes: number): Promise<AskBody> {
  if (body === null) return emptyBody;
  const reader = body.getReader();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    chunks.push(read.value);
    bytes += read.value.length;
    if (bytes <= limitBytes) continue;
    // Its twin is not read yet: waiting for this end would be waiting for ever.
    reader.cancel().catch(() => undefined);
    return { kind: 'too-large' };
  }
  return { kind: 'bytes', bytes: joined(chunks) };
}
