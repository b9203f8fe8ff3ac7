/**
 * An Express 5 app with one route, `bare` or, as the argument says, behind the library over
 * memory: in front of the body parser, where a replay costs no parsing.
 */
import { createServer } from 'node:http';
import express from 'express';
import { chargeFor, serveParent } from './answer.js';

const app = express();
if (process.argv[2] !== 'bare') {
  const { memory } = await import('oncekey');
  const { idempotency } = await import('oncekey/express');
  app.use(idempotency({ store: memory(), scope: (request) => request.headers.authorization }));
}
app.use(express.json());
app.post('/charges', (request, response) => {
  response.json(chargeFor(request.body));
});
serveParent(createServer(app));
