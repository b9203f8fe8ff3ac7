/**
 * Orders on Express: an order is booked once, however often it is sent, and its books can be read.
 */
import express from 'express';
import { idempotency } from 'oncekey/express';
import { sqlite } from 'oncekey/sqlite';

const { PORT = '3000', DATABASE = 'orders.db' } = process.env;
const orders = [];

const app = express();
app.use(authenticate);
app.use(idempotency({ store: sqlite(DATABASE), scope: (request) => request.customer }));
app.use(express.json());
app.post('/orders', (request, response) => {
  const order = { id: `order-${orders.length + 1}`, customer: request.customer, item: request.body.item };
  orders.push(order);
  response.status(201).location(`/orders/${order.id}`).json(order);
});
app.get('/orders', (_request, response) => {
  response.json(orders);
});

/** Stands for yours: who asks is known before anything is answered, replays included. */
function authenticate(request, response, next) {
  request.customer = /^Bearer (\w+)$/.exec(request.get('authorization') ?? '')?.[1];
  if (request.customer === undefined) response.sendStatus(401);
  else next();
}

const server = app.listen(Number(PORT), '127.0.0.1', () => {
  const { port } = server.address();
  process.stdout.write(`${JSON.stringify({ event: 'listening', url: `http://127.0.0.1:${port}` })}\n`);
});
