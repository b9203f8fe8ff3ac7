/** A Fastify app with one route, `bare` or, as the argument says, behind the library over memory, a peer or hooks by hand. */
import { fastify } from 'fastify';
import { chargeFor, serveParent } from './answer.js';
import { onceByHand } from './fastify-by-hand.js';
import { nodeIdempotency, powertools } from './peers.js';

const app = fastify();
const contender = process.argv[2];
if (contender === 'memory') {
  const { memory } = await import('oncekey');
  const { idempotency } = await import('oncekey/fastify');
  app.register(idempotency({ store: memory(), scope: (request) => request.headers.authorization }));
}
if (contender === 'by-hand') onceByHand(app);
const peers = new Map([
  ['node-idempotency', nodeIdempotency],
  ['powertools', powertools],
]);
const peer = await peers.get(contender ?? '')?.();
const charge = (/** @type {import('fastify').FastifyRequest} */ { body }) =>
  chargeFor(/** @type {{ order: string, amount: number }} */ (body));
app.post(
  '/charges',
  peer === undefined ? async (request) => charge(request) : (request) => peer.answer(request, () => charge(request)),
);
await app.ready();
serveParent(app.server);
