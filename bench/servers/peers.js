/**
 * Peers over memory, each as its own documentation sets it up; where it is no middleware of the framework, in a thin
 * wrapper of ours that does what its users would do: ask, run, record. Installed outside the lock file, on first use.
 */
import { outside } from '../../tools/outside/outside.js';

/**
 * @typedef {object} Peer
 * @property {(request: import('fastify').FastifyRequest, run: () => object) => Promise<object>} answer Runs, or answers what it has.
 */

/**
 * `@node-idempotency/core` with its memory adapter: onRequest, handler, onResponse.
 * @returns {Promise<Peer>}
 */
export async function nodeIdempotency() {
  const { core, adapter } = await load({
    core: '@node-idempotency/core',
    adapter: '@node-idempotency/storage-adapter-memory',
  });
  const idempotency = new core.Idempotency(new adapter.MemoryStorageAdapter());
  return {
    async answer({ headers, method, url, body }, run) {
      const asked = { headers, method, path: url, body };
      const known = await idempotency.onRequest(asked);
      if (known !== undefined) return known.body;
      const made = run();
      await idempotency.onResponse(asked, { body: made });
      return made;
    },
  };
}

/**
 * `@aws-lambda-powertools/idempotency` with its cache layer over a Map that has get, set and del.
 * @returns {Promise<Peer>}
 */
export async function powertools() {
  const { main, cache } = await load({
    main: '@aws-lambda-powertools/idempotency',
    cache: '@aws-lambda-powertools/idempotency/cache',
  });
  const persistenceStore = new cache.CachePersistenceLayer({ client: mapClient() });
  // Its payload validation stays off: this layer forgets what to compare with when it records, and refuses every repeat.
  const config = new main.IdempotencyConfig({ eventKeyJmesPath: 'key' });
  // Without a context it would take every call for a new one.
  config.registerLambdaContext({ getRemainingTimeInMillis: () => 30_000 });
  const run = main.makeIdempotent(
    (/** @type {object} */ _event, /** @type {() => object} */ handler) => Promise.resolve(handler()),
    { persistenceStore, config },
  );
  return {
    answer: ({ headers }, handler) => run({ key: headers['idempotency-key'] }, handler),
  };
}

/**
 * `express-idempotency` with its memory adapter; the handler asks whether there was a hit.
 * @returns {Promise<any>}
 */
export async function expressIdempotency() {
  return (await load({ main: 'express-idempotency' })).main;
}

function mapClient() {
  /** @type {Map<string, string>} */
  const records = new Map();
  return {
    get: async (/** @type {string} */ name) => records.get(name) ?? null,
    async set(/** @type {string} */ name, /** @type {string} */ value, /** @type {{ NX?: boolean }} */ options = {}) {
      if (options.NX === true && records.has(name)) return null;
      records.set(name, value);
      return 'OK';
    },
    async del(/** @type {string[]} */ names) {
      return names.filter((name) => records.delete(name)).length;
    },
  };
}

/**
 * @param {Record<string, string>} names
 * @returns {Promise<Record<string, any>>}
 */
async function load(names) {
  const group = await outside('peers');
  const loaded = await Promise.all(
    Object.entries(names).map(async ([as, name]) => {
      const module = /** @type {any} */ (await group.import(name));
      return [as, module.default?.__esModule === true ? module.default : module];
    }),
  );
  return Object.fromEntries(loaded);
}
