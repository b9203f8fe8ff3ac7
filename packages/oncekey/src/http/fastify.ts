/**
 * The entry for Fastify 4 and 5, a plugin: a hook before the handler and one before
 * sending. Fastify itself is not imported.
 */
import { createEntry } from './entry.ts';
import { fastifyHooks, type FastifyRequest } from './fastify-hooks.ts';
import { entryByRoute } from './fastify-route.ts';
import type { EntryOptions } from './options.ts';

export type { FastifyRequest } from './fastify-hooks.ts';

/** What is used of a Fastify instance. */
export interface FastifyInstance {
  addHook(name: never, hook: never): unknown;
  decorateRequest(name: never, value: never): unknown;
}

/** A plugin that needs no options of its own. */
export type FastifyPlugin = (app: FastifyInstance, options: object, done: () => void) => void;

/**
 * A plugin: `app.register(idempotency({ store, scope: (request) => … }))` protects the routes of the context it is
 * registered in, and those within; authenticate in `onRequest`. A route says otherwise in its `config.idempotency`:
 * `false`, or options of its own. What the handler throws is Fastify's to answer. Throws a TypeError for a wrong option.
 */
export function idempotency<R extends FastifyRequest = FastifyRequest>(options: EntryOptions<R>): FastifyPlugin {
  const { slot, preHandler, onSend } = fastifyHooks(entryByRoute(options, createEntry));
  const plugin: FastifyPlugin = (app, _options, done) => {
    app.decorateRequest(slot as never, null as never);
    app.addHook('preHandler' as never, preHandler as never);
    app.addHook('onSend' as never, onSend as never);
    done();
  };
  return Object.assign(plugin, {
    // As fastify-plugin does it: the hooks hold for the context that registers this, not for one of its own.
    [Symbol.for('skip-override')]: true,
    [Symbol.for('fastify.display-name')]: 'oncekey',
    [Symbol.for('plugin-meta')]: { name: 'oncekey', fastify: '>=4.10.0 <6' },
  });
}
