/** A node:http server with one handler, `bare` or, as the argument says, behind the library over memory. */
import { createServer } from 'node:http';
import { chargeFor, readBody, serveParent } from './answer.js';

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
  const { memory } = await import('oncekey');
  const { idempotency } = await import('oncekey/node');
  return idempotency({ store: memory(), scope: (request) => request.headers.authorization })(handler);
}

serveParent(createServer(process.argv[2] === 'bare' ? handler : await protectedHandler()));
