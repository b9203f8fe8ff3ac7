/**
 * Orders on Fastify: an order is booked once, however often it is sent, and its books can be read.
 */
import { fastify } from 'fastify';
import { idempotency } from 'oncekey/fastify';
import { sqlite } from 'oncekey/sqlite';

const { PORT = '3000', DATABASE = 'orders.db' } = process.env;
const orders = [];

const app = fastify();
app.decorateRequest('customer', '');
// Stands for yours; in onRequest, so that who asks is known before anything is answered, replays included.
app.addHook('onRequest', async (request, reply) => {
  request.customer = /^Bearer (\w+)$/.exec(request.headers.authorization ?? '')?.[1];
  if (request.customer === undefined) return reply.code(401).send();
});
app.register(idempotency({ store: sqlite(DATABASE), scope: (request) => request.customer }));
app.post('/orders', async (request, reply) => {
  const order = { id: `order-${orders.length + 1}`, customer: request.customer, item: request.body.item };
  orders.push(order);
  return reply.code(201).header('location', `/orders/${order.id}`).send(order);
});
app.get('/orders', async () => orders);

const url = await app.listen({ port: Number(PORT), host: '127.0.0.1' });
process.stdout.write(`${JSON.stringify({ event: 'listening', url })}\n`);
