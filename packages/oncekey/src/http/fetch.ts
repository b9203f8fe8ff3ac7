/**
 * The entry for everything that speaks fetch: workers, Deno, Bun, Hono and kin. Needs no
 * Node server; the runtime is told of work that goes on behind the answer.
 */
import { chain } from '../core/maybe.ts';
import { createEntry } from './entry.ts';
import { toResponse } from './fetch-answer.ts';
import { edited, runTaped } from './fetch-pump.ts';
import { FetchAsk, proceedBy } from './fetch-request.ts';
import type { EntryOptions } from './options.ts';

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
  return (request, next, context) => {
    // A worker's own context refuses to have it taken out.
    const waitUntil = context?.waitUntil?.bind(context);
    const ask = new FetchAsk(request, { scope: () => scope(request), waitUntil });
    const deliver = (response: Response): Response => {
      ask.over();
      return response;
    };
    return proceedBy(protocol, ask, (begun) => {
      switch (begun.kind) {
        case 'pass':
          return chain(next(request), (response) =>
            deliver(begun.edit.add.length === 0 ? response : edited(response, response.body, begun.edit)),
          );
        case 'answer':
          return deliver(toResponse(begun.answer));
        case 'run':
          return runTaped(
            begun,
            () => next(request),
            (response) => response,
            deliver,
            waitUntil,
          );
      }
    });
  };
}
