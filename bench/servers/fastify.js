/** A Fastify app with one route, `bare` or, as the argument says, behind the library over memory or behind a peer. */
import { fastify } from 'fastify';
import { chargeFor, serveParent } from './answer.js';

const app = fastify();
const contender = process.argv[2];
if (contender === 'memory') {
  const { memory } = await import('oncekey');
  const { idempotency } = await import('oncekey/fastify');
  app.register(idempotency({ store: memory(), scope: (request) => request.headers.authorization }));
}
app.post('/charges', async (request) => chargeFor(/** @type {{ order: string, amount: number }} */ (request.body)));
await app.ready();
serveParent(app.server);
