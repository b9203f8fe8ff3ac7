/**
 * The entry for plain `node:http` handlers, and the parts that entries for frameworks on
 * top of it are made of.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isPromise, type MaybePromise } from '../core/maybe.ts';
import { createEntry } from './entry.ts';
import type { Parsed } from './node-body.ts';
import type { Capture } from './node-capture.ts';
import { enterNode, type NodeVisit } from './node-enter.ts';
import type { EntryOptions } from './options.ts';

/** A handler as `http.createServer` takes it; it may answer a promise. */
export type NodeHandler = (request: IncomingMessage, response: ServerResponse) => unknown;

/**
 * Protects a handler: `createServer(idempotency({ store, scope })(handler))`. What the handler throws is answered and
 * kept by `serverErrors`; under `release` it is thrown on. Throws a TypeError for a wrong option.
 */
export function idempotency(
  options: EntryOptions<IncomingMessage>,
): (handler: NodeHandler) => (request: IncomingMessage, response: ServerResponse) => MaybePromise<unknown> {
  const entry = createEntry(options);
  return (handler) => (request, response) => {
    const visit = new Visit(handler, request, response);
    enterNode(entry, visit);
    return visit.outcome();
  };
}

class Visit implements NodeVisit<IncomingMessage> {
  readonly own: IncomingMessage;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly #handler: NodeHandler;
  #outcome: { readonly value: unknown } | { readonly error: unknown } | undefined;
  #resolve: ((value: unknown) => void) | undefined;

  constructor(handler: NodeHandler, request: IncomingMessage, response: ServerResponse) {
    this.own = request;
    this.request = request;
    this.response = response;
    this.#handler = handler;
  }

  get target(): string {
    return this.request.url ?? '/';
  }

  get parsed(): Parsed {
    return this.request as Parsed;
  }

  run(captured: Capture | undefined): void {
    this.#end(captured === undefined ? this.#handle() : this.#handleTaped(captured));
  }

  answered(): void {
    this.#end(undefined);
  }

  /** A client that left before its request was whole is nobody's error; everything else is. */
  failed(error: unknown): void {
    if (this.request.destroyed && !this.request.complete) this.#end(undefined);
    else if (this.#resolve === undefined) this.#outcome = { error };
    else this.#resolve(Promise.reject(error));
  }

  /** What the handler answered, or a promise of it; throws what was thrown. */
  outcome(): unknown {
    const outcome = this.#outcome;
    if (outcome === undefined) return new Promise((resolve) => (this.#resolve = resolve));
    if ('error' in outcome) throw outcome.error;
    return outcome.value;
  }

  #end(value: unknown): void {
    if (this.#resolve === undefined) this.#outcome = { value };
    else this.#resolve(value);
  }

  #handle(): unknown {
    return this.#handler(this.request, this.response);
  }

  #handleTaped(captured: Capture): unknown {
    try {
      const done = this.#handle();
      return isPromise(done) ? done.catch((error: unknown) => fail(captured, error)) : done;
    } catch (error) {
      return fail(captured, error);
    }
  }
}

async function fail(captured: Capture, error: unknown): Promise<void> {
  if (await captured.fail(error)) throw error;
}
