/**
 * A node:http server with one handler, `bare` or behind the library over the PostgreSQL whose address is named; where a
 * port of a Redis is named too, with that in front of it.
 */
import { createServer } from 'node:http';
import { Redis } from 'ioredis';
import pg from 'pg';
import { chargeFor, readBody, serveParent } from './answer.js';

const [, , kind, url, redisPort] = process.argv;

/** @type {import('node:http').RequestListener} */
function handler(request, response) {
  readBody(request, (text) => {
    const body = JSON.stringify(chargeFor(JSON.parse(text)));
    response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) });
    response.end(body);
  });
}

/** @returns {Promise<import('node:http').RequestListener>} */
async function protectedHandler() {
  const { idempotency } = await import('oncekey/node');
  const store = await openStore();
  await store.check?.();
  return idempotency({ store, scope: (request) => request.headers.authorization })(handler);
}

/** @returns {Promise<import('oncekey').Store>} */
async function openStore() {
  const { migrate, postgres } = await import('oncekey/postgres');
  const pool = new pg.Pool({ connectionString: url, max: 10 });
  await migrate(pool);
  const durable = postgres(pool);
  if (redisPort === undefined) return durable;
  const { redis } = await import('oncekey/redis');
  const { tiered } = await import('oncekey/tiered');
  return tiered(redis(new Redis(Number(redisPort))), durable);
}

serveParent(createServer(kind === 'bare' ? handler : await protectedHandler()));
