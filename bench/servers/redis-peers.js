/**
 * An Express 5 app with one route, behind the library or one of its peers over the Redis on
 * the port that is named. Each stands as its own documentation says: the library in front
 * of the body parser, `express-idempotency` behind it, the other two as a wrapper of ours
 * around the handler, since they come without one for Express.
 */
import { createServer } from 'node:http';
import express from 'express';
import { outside } from '../../tools/outside/outside.js';
import { chargeFor, serveParent } from './answer.js';

const [, , kind, port] = process.argv;
const url = `redis://127.0.0.1:${port}`;
const app = express();
const setUps = {
  library: behindLibrary,
  'node-idempotency': behindNodeIdempotency,
  'express-idempotency': behindExpressIdempotency,
  powertools: behindPowertools,
};
const setUp = new Map(Object.entries(setUps)).get(kind ?? '');
if (setUp === undefined) throw new Error(`no contender is named ${kind}`);
await setUp();
serveParent(createServer(app));

async function behindLibrary() {
  const { Redis } = await import('ioredis');
  const { idempotency } = await import('oncekey/express');
  const { redis } = await import('oncekey/redis');
  const store = redis(new Redis(Number(port)));
  await store.check();
  app.use(idempotency({ store, scope: (request) => request.headers.authorization }));
  app.use(express.json());
  app.post('/charges', (request, response) => {
    response.json(chargeFor(request.body));
  });
}

async function behindNodeIdempotency() {
  const peers = await outside('redis-peers');
  const { Idempotency } = await peers.import('@node-idempotency/core');
  const { RedisStorageAdapter } = await peers.import('@node-idempotency/storage-adapter-redis');
  const storage = new RedisStorageAdapter({ url });
  await storage.connect();
  const idempotency = new Idempotency(storage, { enforceIdempotency: true });
  app.use(express.json());
  app.post('/charges', async (request, response) => {
    const { headers, path, body, method } = request;
    const asked = { headers, path, body, method };
    const known = await idempotency.onRequest(asked);
    if (known !== undefined) {
      response.json(known.body);
      return;
    }
    const answer = chargeFor(body);
    await idempotency.onResponse(asked, { body: answer });
    response.json(answer);
  });
}

async function behindExpressIdempotency() {
  const peers = await outside('redis-peers');
  const { default: library } = await peers.import('express-idempotency');
  const { default: adapters } = await peers.import('express-idempotency-redis-adapter');
  const adapter = new adapters.default({ connectionConfig: { url } });
  await adapter.connect();
  app.use(express.json());
  app.use(library.idempotency({ dataAdapter: adapter }));
  app.post('/charges', (request, response) => {
    if (library.getSharedIdempotencyService().isHit(request)) return;
    response.json(chargeFor(request.body));
  });
}

async function behindPowertools() {
  process.env['AWS_LAMBDA_FUNCTION_NAME'] = 'charges';
  const peers = await outside('redis-peers');
  const { makeIdempotent, IdempotencyConfig } = await peers.import('@aws-lambda-powertools/idempotency');
  const { CachePersistenceLayer } = await peers.import('@aws-lambda-powertools/idempotency/cache');
  const { createClient } = await peers.import('redis');
  const client = await createClient({ url }).connect();
  const config = new IdempotencyConfig({ eventKeyJmesPath: 'key' });
  // Without a context a record in progress never counts as one, and the work runs twice.
  config.registerLambdaContext({ getRemainingTimeInMillis: () => 30_000 });
  const persistenceStore = new CachePersistenceLayer({ client });
  const charge = makeIdempotent(
    async (/** @type {{ body: { order: string, amount: number } }} */ { body }) => chargeFor(body),
    { persistenceStore, config },
  );
  app.use(express.json());
  app.post('/charges', async (request, response) => {
    response.json(await charge({ key: request.headers['idempotency-key'], body: request.body }));
  });
}
