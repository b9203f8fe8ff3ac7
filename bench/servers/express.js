/**
 * An Express 5 app with one route, `bare` or, as the argument says, behind the library over
 * memory (in front of the body parser, where a replay costs no parsing) or behind a peer.
 */
import { createServer } from 'node:http';
import express from 'express';
import { chargeFor, serveParent } from './answer.js';
import { expressIdempotency } from './peers.js';

const app = express();
const contender = process.argv[2];
if (contender === 'memory') {
  const { memory } = await import('oncekey');
  const { idempotency } = await import('oncekey/express');
  app.use(idempotency({ store: memory(), scope: (request) => request.headers.authorization }));
}
app.use(express.json());
if (contender === 'express-idempotency') {
  const peer = await expressIdempotency();
  app.use(peer.idempotency());
  app.post('/charges', (request, response) => {
    if (!peer.getSharedIdempotencyService().isHit(request)) response.json(chargeFor(request.body));
  });
} else {
  app.post('/charges', (request, response) => {
    response.json(chargeFor(request.body));
  });
}
serveParent(createServer(app));
