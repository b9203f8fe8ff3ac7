/**
 * The entry for everything that speaks fetch: workers, Deno, Bun, Hono and kin. Needs no
 * Node server; the runtime is told of work that goes on behind the answer.
 */
import { withWork } from '../core/work.ts';
import { createEntry } from './entry.ts';
import { edited, pump, toResponse } from './fetch-pump.ts';
import { FetchAsk } from './fetch-request.ts';
import type { EntryOptions } from './options.ts';
import type { Begun, Send } from './seam.ts';

/** The handler behind the protection. */
export type FetchHandler = (request: Request) => Response | Promise<Response>;

/** What the runtime offers; `waitUntil` keeps a worker alive for work that outlives its answer. */
export interface FetchContext {
  readonly waitUntil?: (work: Promise<unknown>) => void;
}

/**
 * Protects a fetch handler: `idempotency(options)(request, next, { waitUntil })`. What `next` throws is answered and
 * kept by `serverErrors`; under `release` it is thrown on. Throws a TypeError for a wrong option.
 */
export function idempotency(
  options: EntryOptions<Request>,
): (request: Request, next: FetchHandler, context?: FetchContext) => Promise<Response> {
  const { protocol, scope } = createEntry(options);
  return async (request, next, { waitUntil } = {}) => {
    const begun = await protocol.begin(new FetchAsk(request, scope, waitUntil));
    switch (begun.kind) {
      case 'pass': {
        const response = await next(request);
        return begun.edit.add.length === 0 ? response : edited(response, response.body, begun.edit);
      }
      case 'answer':
        return toResponse(begun.answer);
      case 'run':
        return run(begun, request, next, waitUntil ?? ignore);
    }
  };
}

async function run(
  { ownership, tape, edit }: Extract<Begun, { kind: 'run' }>,
  request: Request,
  next: FetchHandler,
  keepAlive: (work: Promise<unknown>) => void,
): Promise<Response> {
  let response: Response;
  try {
    response = await withWork(ownership, () => next(request));
  } catch (error) {
    return settleThrown(error, await tape.fail(error, false));
  }
  return pump(response, tape, edit, keepAlive);
}

function settleThrown(error: unknown, send: Send): Response {
  if (send === 'send') throw error;
  return send === 'break' ? Response.error() : toResponse(send.instead);
}

function ignore(): void {}
