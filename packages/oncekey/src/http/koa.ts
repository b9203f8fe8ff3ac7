/**
 * The entry for Koa: two translations and nothing else. Answers are taped where Koa
 * writes them, on Node's response, whatever the body was. Koa itself is not imported.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createEntry } from './entry.ts';
import { enterNode } from './node-enter.ts';
import type { Parsed } from './node-request.ts';
import type { EntryOptions } from './options.ts';

/** What is used of a Koa context. */
export interface KoaContext {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** Where body parsers leave `body` and `rawBody`. */
  readonly request: object;
  readonly originalUrl: string;
  respond?: boolean | undefined;
}

/**
 * Middleware: `app.use(idempotency({ store, scope: (context) => … }))`, after authentication and before rate limits.
 * What the handler throws is Koa's to answer, and that answer is kept like any other. Throws a TypeError for a wrong option.
 */
export function idempotency<C extends KoaContext = KoaContext>(
  options: EntryOptions<C>,
): (context: C, next: () => Promise<unknown>) => Promise<void> {
  const entry = createEntry(options);
  return async (context, next) => {
    const { req: request, res: response, originalUrl: target } = context;
    let handled = false;
    const visit = { own: context, request, response, target, parsed: context.request as Parsed };
    await enterNode(entry, visit, (captured) => {
      handled = true;
      if (captured !== undefined) keepWritable(context);
      return next();
    });
    if (!handled) context.respond = false;
  };
}

/** Koa ends an answer empty when its client has gone; taped, it is to be written whole for whoever comes back (rule 11). */
function keepWritable(context: KoaContext): void {
  Object.defineProperty(context, 'writable', { configurable: true, get: () => !context.res.writableEnded });
}
