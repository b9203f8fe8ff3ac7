/**
 * The entry for NestJS 11, on Express as on Fastify: an interceptor, because guards have let the request pass by then
 * (authorisation comes before replay), and a decorator for what one route or controller says otherwise. NestJS itself
 * is not imported.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createEntry } from './entry.ts';
import { entryByRoute } from './fastify-route.ts';
import { enterNode } from './node-enter.ts';
import type { EntryOptions } from './options.ts';

/** A request of either platform. */
export interface NestRequest {
  /** Fastify's, around Node's own. */
  readonly raw?: IncomingMessage;
  /** The target before a router cut it. */
  readonly originalUrl?: string;
  readonly url?: string;
  readonly headers: IncomingMessage['headers'];
  body?: unknown;
}

/** What is used of a Nest execution context. */
export interface NestContext {
  getType(): string;
  getHandler(): object;
  getClass(): object;
  switchToHttp(): { getRequest(): unknown; getResponse(): unknown };
}

/** Nest's `NestInterceptor`; the observable passes through as it is. */
export interface NestInterceptor {
  intercept<O>(context: NestContext, next: { handle(): O }): O | Promise<O>;
}

type RouteOptions = Partial<Omit<EntryOptions<NestRequest>, 'store'>>;

const marks = new WeakMap<object, RouteOptions | false>();

/** `@Idempotent({ missingKey: 'reject' })` or `@Idempotent(false)`, on a route or a controller; the route's own counts first. */
export function Idempotent(
  options: RouteOptions | false,
): (target: object, key?: string | symbol, of?: { value?: unknown }) => void {
  return (target, _key, of) => {
    marks.set((of?.value as object | undefined) ?? target, options);
  };
}

/**
 * An interceptor: `app.useGlobalInterceptors(idempotency({ store, scope: (request) => … }))`, or with `@UseInterceptors`.
 * What a handler throws is Nest's to answer, and that answer is kept like any other. Other transports than HTTP pass.
 * Throws a TypeError for a wrong option.
 */
export function idempotency<R = NestRequest>(options: EntryOptions<R>): NestInterceptor {
  const entryOf = entryByRoute(options, createEntry);
  return {
    intercept(context, next) {
      const own = marks.get(context.getHandler()) ?? marks.get(context.getClass());
      const entry = context.getType() === 'http' ? entryOf({ idempotency: own }) : undefined;
      if (entry === undefined) return next.handle();
      const http = context.switchToHttp();
      const request = http.getRequest() as NestRequest & IncomingMessage;
      const reply = http.getResponse() as Reply;
      return new Promise((resolve, failed) => {
        enterNode(entry, {
          own: request as R,
          request: request.raw ?? request,
          response: reply.raw ?? reply,
          target: request.originalUrl ?? request.url ?? '/',
          parsed: request,
          run: () => resolve(next.handle()),
          // Nest is left waiting for a handler that never ran, and Fastify told to send nothing.
          answered: () => reply.hijack?.(),
          failed,
        });
      });
    },
  };
}

type Reply = ServerResponse & { readonly raw?: ServerResponse; hijack?(): void };
