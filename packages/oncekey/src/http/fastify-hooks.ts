/**
 * The two hooks that a request of Fastify passes: before its handler, where it is let
 * through or answered, and before sending, where its answer is taped. Asks the protocol and
 * does as it is told.
 */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { chain, isPromise } from '../core/maybe.ts';
import { withWork } from '../core/work.ts';
import type { Entry } from './entry.ts';
import { watchRaw } from './fastify-route.ts';
import { asAnswered, setAnswer, tapePayload, type FastifyReply, type Taping } from './fastify-send.ts';
import { NodeAsk } from './node-request.ts';
import type { Answer, Begun } from './seam.ts';

/** What is used of a Fastify request. */
export interface FastifyRequest {
  readonly raw: IncomingMessage;
  readonly headers: IncomingHttpHeaders;
  readonly originalUrl: string;
  body?: unknown;
  readonly routeOptions?: { readonly config?: object };
}

type Done = (error?: unknown, payload?: unknown) => void;

/** The hooks, by their names in Fastify, and the name of the property in which a request carries its tape. */
export interface FastifyHooks<R> {
  readonly slot: symbol;
  readonly preHandler: (request: R, reply: FastifyReply, done: Done) => void;
  readonly onSend: (request: R, reply: FastifyReply, payload: unknown, done: Done) => void;
}

/** Hooks for requests whose route has the entry that `entryOf` finds. */
export function fastifyHooks<R extends FastifyRequest>(
  entryOf: (config: object | undefined) => Entry<R> | undefined,
): FastifyHooks<R> {
  const slot = Symbol('oncekey');
  const slotted = (request: R) => request as R & { [slot]: Taping | Answer | null };

  const run = (request: R, reply: FastifyReply, begun: Extract<Begun, { kind: 'run' }>, done: Done): void => {
    const taping: Taping = { tape: begun.tape, edit: begun.edit, before: reply.getHeaders() };
    slotted(request)[slot] = taping;
    watchRaw(reply, begun.tape, () => slotted(request)[slot] === taping);
    withWork(begun.ownership, done);
  };

  return {
    slot,
    preHandler(request, reply, done) {
      const entry = entryOf(request.routeOptions?.config);
      if (entry === undefined) return done();
      const asker = { own: request, request: request.raw, target: request.originalUrl, parsed: request };
      const proceed = (begun: Begun): void => {
        if (begun.kind === 'run') return run(request, reply, begun, done);
        if (begun.kind === 'pass') {
          for (const [name, value] of begun.edit.add) reply.header(name, value);
          return done();
        }
        slotted(request)[slot] = begun.answer;
        if (begun.close) reply.raw.shouldKeepAlive = false;
        reply.send(setAnswer(reply, begun.answer));
      };
      attempt(() => entry.protocol.begin(new NodeAsk(asker, entry.scope), proceed), done);
    },
    onSend(request, reply, payload, done) {
      const held = slotted(request)[slot];
      if (held === null) return done(null, payload);
      slotted(request)[slot] = null;
      if (!('tape' in held)) return done(null, asAnswered(reply, payload, held));
      const send = (taped: { readonly payload: unknown } | undefined): void => {
        if (taped !== undefined) done(null, taped.payload);
      };
      attempt(() => chain(tapePayload(reply, payload, held), send), done);
    },
  };
}

function attempt(act: () => unknown, failed: (error: unknown) => void): void {
  try {
    const done = act();
    if (isPromise(done)) done.catch(failed);
  } catch (error) {
    failed(error);
  }
}
