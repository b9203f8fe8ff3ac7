/** A Hono app with one route on its Node server, `bare` or, as the argument says, behind the library over memory or middleware by hand. */
import { createAdaptorServer } from '@hono/node-server';
import { Hono } from 'hono';
import { chargeFor, serveParent } from './answer.js';
import { onceByHand } from './hono-by-hand.js';

const app = new Hono();
if (process.argv[2] === 'memory') {
  const { memory } = await import('oncekey');
  const { idempotency } = await import('oncekey/hono');
  app.use(idempotency({ store: memory(), scope: (context) => context.req.header('authorization') }));
}
if (process.argv[2] === 'by-hand') app.use(onceByHand());
app.post('/charges', async (context) => context.json(chargeFor(await context.req.json())));
serveParent(/** @type {import('node:http').Server} */ (createAdaptorServer({ fetch: app.fetch })));
