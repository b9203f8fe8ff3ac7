/**
 * The entry for Koa: two translations and nothing else. Answers are taped where Koa
 * writes them, on Node's response, whatever the body was. Koa itself is not imported.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createEntry } from './entry.ts';
import type { Parsed } from './node-body.ts';
import type { Capture } from './node-capture.ts';
import { enterNode } from './node-enter.ts';
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
  return (context, next) => {
    const { req: request, res: response, originalUrl: target } = context;
    return new Promise((resolve, failed) => {
      const run = (captured?: Capture): void => {
        if (captured !== undefined) keepWritable(context);
        next().then(() => resolve(), failed);
      };
      const answered = (): void => {
        context.respond = false;
        resolve();
      };
      const parsed = context.request as Parsed;
      enterNode(entry, { own: context, request, response, target, parsed, run, answered, failed });
    });
  };
}

/** Koa ends an answer empty when its client has gone; taped, it is to be written whole for whoever comes back (rule 11). */
function keepWritable(context: KoaContext): void {
  Object.defineProperty(context, 'writable', { configurable: true, get: () => !context.res.writableEnded });
}
