/**
 * Orders on node:http: an order is booked once, however often it is sent, and its books can be read.
 */
import { createServer } from 'node:http';
import { idempotency } from 'oncekey/node';
import { sqlite } from 'oncekey/sqlite';

const { PORT = '3000', DATABASE = 'orders.db' } = process.env;
const orders = [];

const once = idempotency({ store: sqlite(DATABASE), scope: customerOf });
const takeOrders = once(async (request, response) => {
  let text = '';
  for await (const chunk of request) text += chunk;
  const order = { id: `order-${orders.length + 1}`, customer: customerOf(request), item: JSON.parse(text).item };
  orders.push(order);
  response.writeHead(201, { 'Content-Type': 'application/json', Location: `/orders/${order.id}` });
  response.end(JSON.stringify(order));
});

const server = createServer((request, response) => {
  // Who asks is known before anything is answered, replays included.
  if (customerOf(request) === undefined) response.writeHead(401).end();
  else if (request.method === 'POST') takeOrders(request, response);
  else response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(orders));
});

/** Stands for yours. */
function customerOf({ headers }) {
  return /^Bearer (\w+)$/.exec(headers.authorization ?? '')?.[1];
}

server.listen(Number(PORT), '127.0.0.1', () => {
  const { port } = server.address();
  process.stdout.write(`${JSON.stringify({ event: 'listening', url: `http://127.0.0.1:${port}` })}\n`);
});
