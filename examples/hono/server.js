/**
 * Orders on Hono: an order is booked once, however often it is sent, and its books can be read.
 */
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { idempotency } from 'oncekey/hono';
import { sqlite } from 'oncekey/sqlite';

const { PORT = '3000', DATABASE = 'orders.db' } = process.env;
const orders = [];

const app = new Hono();
// Stands for yours: who asks is known before anything is answered, replays included.
app.use(async (context, next) => {
  const customer = /^Bearer (\w+)$/.exec(context.req.header('authorization') ?? '')?.[1];
  if (customer === undefined) return context.body(null, 401);
  context.set('customer', customer);
  await next();
});
app.use(idempotency({ store: sqlite(DATABASE), scope: (context) => context.get('customer') }));
app.post('/orders', async (context) => {
  const { item } = await context.req.json();
  const order = { id: `order-${orders.length + 1}`, customer: context.get('customer'), item };
  orders.push(order);
  return context.json(order, 201, { location: `/orders/${order.id}` });
});
app.get('/orders', (context) => context.json(orders));

serve({ fetch: app.fetch, port: Number(PORT), hostname: '127.0.0.1' }, ({ port }) => {
  process.stdout.write(`${JSON.stringify({ event: 'listening', url: `http://127.0.0.1:${port}` })}\n`);
});
