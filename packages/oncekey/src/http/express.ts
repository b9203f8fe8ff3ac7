/**
 * The entry for Express 4 and 5 (and what is called like it: connect, Polka): two
 * translations and nothing else. Express itself is not imported.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createEntry } from './entry.ts';
import { enterNode } from './node-enter.ts';
import type { EntryOptions } from './options.ts';

/** What is used of an Express request. */
export interface ExpressRequest extends IncomingMessage {
  /** The target before a router cut its mount path off. */
  originalUrl?: string;
  body?: unknown;
}

/** Express's way on, or into its error handlers. */
export type Next = (error?: unknown) => void;

/**
 * Middleware: `app.use(idempotency({ store, scope: (request) => … }))`, after authentication and before rate limits.
 * Errors go to `next`. Throws a TypeError for a wrong option.
 */
export function idempotency<R extends ExpressRequest = ExpressRequest>(
  options: EntryOptions<R>,
): (request: R, response: ServerResponse, next: Next) => void {
  const entry = createEntry(options);
  return (request, response, next) => {
    const target = request.originalUrl ?? request.url ?? '/';
    const visit = {
      own: request,
      request,
      response,
      target,
      parsed: request,
      run: () => next(),
      answered,
      failed: next,
    };
    enterNode(entry, visit);
  };
}

function answered(): void {}
