/**
 * What one Fastify route says for itself: options of its own, or none of this at all;
 * and answers that a handler writes past Fastify, of which nothing is known.
 */
import { isPromise } from '../core/maybe.ts';
import type { Entry } from './entry.ts';
import type { FastifyReply } from './fastify-send.ts';
import type { EntryOptions } from './options.ts';
import type { Tape } from './seam.ts';
import { warn } from '../core/tell.ts';

/** A route's `config`. */
export interface RouteConfig {
  /** Options that differ for this route; `false` leaves it unprotected. */
  readonly idempotency?: unknown;
}

/** Finds the entry for a route: the common one, its own, or none. Throws a TypeError for a wrong option. */
export function entryByRoute<R>(
  options: EntryOptions<R>,
  create: (options: EntryOptions<R>) => Entry<R>,
): (config: object | undefined) => Entry<R> | undefined {
  const common = create(options);
  const own = new WeakMap<object, Entry<R>>();
  return (config) => {
    const route = (config as RouteConfig | undefined)?.idempotency;
    if (route === false) return undefined;
    if (typeof route !== 'object' || route === null) return common;
    let entry = own.get(route);
    if (entry === undefined) {
      entry = create({ ...options, ...route });
      own.set(route, entry);
    }
    return entry;
  };
}

/** An answer that was written on the raw response is known to be over, and nothing else of it: a tombstone is left. */
export function watchRaw(reply: FastifyReply, tape: Tape, stillTaping: () => boolean): void {
  reply.raw.on('close', () => {
    if (!reply.sent || !stillTaping()) return;
    const done = tape.cut();
    if (isPromise(done)) done.catch(warn);
  });
}
