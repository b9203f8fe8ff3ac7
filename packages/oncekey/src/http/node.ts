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
import { Late } from './node-late.ts';
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

class Visit extends Late implements NodeVisit<IncomingMessage> {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly #handler: NodeHandler;

  constructor(handler: NodeHandler, request: IncomingMessage, response: ServerResponse) {
    super();
    this.request = request;
    this.response = response;
    this.#handler = handler;
  }

  get own(): IncomingMessage {
    return this.request;
  }

  get target(): string {
    return this.request.url ?? '/';
  }

  get parsed(): Parsed {
    return this.request as Parsed;
  }

  run(captured: Capture | undefined): void {
    try {
      const done = this.#handler(this.request, this.response);
      this.end(captured && isPromise(done) ? done.then(undefined, (error) => fail(captured, error)) : done);
    } catch (error) {
      if (captured === undefined) throw error;
      this.end(fail(captured, error));
    }
  }

  answered(): void {
    this.end(undefined);
  }

  /** A client that left before its request was whole is nobody's error; everything else is. */
  failed(error: unknown): void {
    if (this.request.destroyed && !this.request.complete) this.answered();
    else this.miss(error);
  }
}

async function fail(captured: Capture, error: unknown): Promise<void> {
  if (await captured.fail(error)) throw error;
}
