/** A node:http server with one handler, `bare` or, as the argument says, behind the library over the Redis on the port that is named. */
import { createServer } from 'node:http';
import { Redis } from 'ioredis';
import { chargeFor, readBody, serveParent } from './answer.js';

const [, , kind, port] = process.argv;

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
  const { redis } = await import('oncekey/redis');
  const store = redis(new Redis(Number(port)));
  await store.check();
  return idempotency({ store, scope: (request) => request.headers.authorization })(handler);
}

serveParent(createServer(kind === 'bare' ? handler : await protectedHandler()));
