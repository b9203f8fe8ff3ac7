/**
 * The entry for plain `node:http` handlers, and the parts that entries for frameworks on
 * top of it are made of.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isPromise, type MaybePromise } from '../core/maybe.ts';
import { createEntry } from './entry.ts';
import type { Capture } from './node-capture.ts';
import { enterNode } from './node-enter.ts';
import type { Parsed } from './node-request.ts';
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
    const run = (captured?: Capture): unknown => runHandler(handler, request, response, captured);
    try {
      const visit = { own: request, request, response, target: request.url ?? '/', parsed: request as Parsed };
      const done = enterNode(entry, visit, run);
      return isPromise(done) ? done.catch((error: unknown) => vanish(request, error)) : done;
    } catch (error) {
      return vanish(request, error);
    }
  };
}

function runHandler(
  handler: NodeHandler,
  request: IncomingMessage,
  response: ServerResponse,
  captured: Capture | undefined,
): unknown {
  if (captured === undefined) return handler(request, response);
  try {
    const done = handler(request, response);
    return isPromise(done) ? done.catch((error: unknown) => fail(captured, error)) : done;
  } catch (error) {
    return fail(captured, error);
  }
}

async function fail(captured: Capture, error: unknown): Promise<void> {
  if (await captured.fail(error)) throw error;
}

/** A client that left before its request was whole is nobody's error; everything else is. */
function vanish(request: IncomingMessage, error: unknown): void {
  if (!request.destroyed || request.complete) throw error;
}
