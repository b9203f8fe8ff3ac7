/**
 * The connection pool to the upstream: keep-alive, one request a connection at a time, no
 * redirects, no decompression. A request is written at most once. An idle connection that
 * upstream has closed is noticed before it is used again; when upstream closes it in the
 * very moment a request is written, nobody can know whether it was read, and the request
 * counts as lost, not as unsent.
 */
import { Pool, type Dispatcher } from 'undici';
import type { OutgoingBody } from './ask.ts';

/** One request for upstream. */
export interface Outgoing {
  readonly method: string;
  /** Path and query, unchanged. */
  readonly target: string;
  /** Name and value in turns. */
  readonly headers: string[];
  readonly body: OutgoingBody;
}

/** Hears how it goes. Exactly one of `whole` and `failed` is called, once. */
export interface Receiver {
  /** The head has come: status, reason and raw header lines. */
  head(status: number, message: string, raw: readonly (Buffer | string)[]): void;
  /** Some of the body; false asks to pause until `resume` is called. */
  chunk(bytes: Buffer): boolean;
  whole(): void;
  failed(failure: UpstreamFailure): void;
}

/**
 * What went wrong. `unsent`: not a byte has left; `refused`: this request cannot be put into
 * words for upstream; `lost` and `timeout`: it was sent, what it did is not known.
 */
export interface UpstreamFailure {
  readonly kind: 'unsent' | 'refused' | 'lost' | 'timeout';
  readonly error: Error;
}

/** One request under way. */
export interface Sending {
  /** Continues after a pause. */
  resume(): void;
  /** Gives up; `failed` follows. */
  abort(): void;
  /** Whether it may have left. */
  readonly sent: boolean;
}

/** A server to forward to. */
export interface Upstream {
  send(outgoing: Outgoing, receiver: Receiver): Sending;
  /** Closes idle connections and those in use. */
  close(): Promise<void>;
}

const connectTimeoutMs = 10_000;
const maxHeadBytes = 65_536;

/** Connects lazily; `timeoutMs` runs to the first header and then between chunks. */
export function openUpstream(url: URL, timeoutMs: number): Upstream {
  const pool = new Pool(url, {
    pipelining: 1,
    connect: { timeout: Math.min(connectTimeoutMs, timeoutMs) },
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    maxHeaderSize: maxHeadBytes,
  });
  return {
    send(outgoing, receiver) {
      const sending = new OneSending(receiver);
      const { method, target, headers } = outgoing;
      // Its types know no iterables; its documentation and code do.
      const body = outgoing.body as Buffer | null;
      pool.dispatch({ method, path: target, headers, body }, sending);
      return sending;
    },
    close: () => pool.destroy(),
  };
}

class OneSending implements Sending, Dispatcher.DispatchHandler {
  readonly #receiver: Receiver;
  #controller: Dispatcher.DispatchController | null = null;
  #aborted = false;

  constructor(receiver: Receiver) {
    this.#receiver = receiver;
  }

  get sent(): boolean {
    return this.#controller !== null;
  }

  resume(): void {
    this.#controller?.resume();
  }

  abort(): void {
    this.#aborted = true;
    this.#controller?.abort(new Error('given up'));
  }

  /** A connection stands and the next thing is to write. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    // Aborting here comes before the first byte. A second start would be a second sending.
    if (this.#aborted || this.#controller !== null) controller.abort(new Error('given up'));
    else this.#controller = controller;
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, _headers: unknown, message = ''): void {
    // Interim answers (103) end at this hop.
    if (status < 200) return;
    this.#receiver.head(status, message, (controller.rawHeaders ?? []) as readonly (Buffer | string)[]);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#receiver.chunk(chunk)) controller.pause();
  }

  onResponseEnd(): void {
    this.#receiver.whole();
  }

  onResponseError(_controller: unknown, error: Error): void {
    this.#receiver.failed({ kind: this.#kindOf(error), error });
  }

  #kindOf(error: Error): UpstreamFailure['kind'] {
    const code = 'code' in error ? error.code : undefined;
    if (!this.sent) return code === 'UND_ERR_INVALID_ARG' || code === 'UND_ERR_NOT_SUPPORTED' ? 'refused' : 'unsent';
    return code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT' ? 'timeout' : 'lost';
  }
}
