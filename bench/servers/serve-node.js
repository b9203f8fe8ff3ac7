/** A node:http server with the one handler of every measurement, alone or behind the library over a store. */
import { createServer } from 'node:http';
import { chargeFor, readBody, serveParent } from './answer.js';

/**
 * Serves it.
 * @param {(() => Promise<import('oncekey').Store>) | undefined} openStore None for the handler alone.
 */
export async function serveNode(openStore) {
  serveParent(createServer(openStore === undefined ? handler : await protectedBy(openStore)));
}

/** @type {import('node:http').RequestListener} */
function handler(request, response) {
  readBody(request, (text) => answerCharge(text, response));
}

/**
 * What it does with a body.
 * @param {string} text
 * @param {import('node:http').ServerResponse} response
 */
export function answerCharge(text, response) {
  const body = JSON.stringify(chargeFor(JSON.parse(text)));
  response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) });
  response.end(body);
}

/**
 * @param {() => Promise<import('oncekey').Store>} openStore
 * @returns {Promise<import('node:http').RequestListener>}
 */
async function protectedBy(openStore) {
  const { idempotency } = await import('oncekey/node');
  const store = await openStore();
  await store.check?.();
  return idempotency({ store, scope: (request) => request.headers.authorization })(handler);
}
