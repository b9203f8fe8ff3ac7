/**
 * Orders on Koa: an order is booked once, however often it is sent, and its books can be read.
 */
import Koa from 'koa';
import { idempotency } from 'oncekey/koa';
import { sqlite } from 'oncekey/sqlite';

const { PORT = '3000', DATABASE = 'orders.db' } = process.env;
const orders = [];

const app = new Koa();
// Stands for yours: who asks is known before anything is answered, replays included.
app.use(async (context, next) => {
  context.state.customer = /^Bearer (\w+)$/.exec(context.get('authorization'))?.[1];
  if (context.state.customer === undefined) context.throw(401);
  await next();
});
app.use(idempotency({ store: sqlite(DATABASE), scope: (context) => context.state.customer }));
app.use(async (context) => {
  if (context.method === 'GET') {
    context.body = orders;
    return;
  }
  let text = '';
  for await (const chunk of context.req) text += chunk;
  const order = { id: `order-${orders.length + 1}`, customer: context.state.customer, item: JSON.parse(text).item };
  orders.push(order);
  context.status = 201;
  context.set('Location', `/orders/${order.id}`);
  context.body = order;
});

const server = app.listen(Number(PORT), '127.0.0.1', () => {
  const { port } = server.address();
  process.stdout.write(`${JSON.stringify({ event: 'listening', url: `http://127.0.0.1:${port}` })}\n`);
});
