/**
 * Orders as a fetch handler, as workers, Bun and Deno take it: an order is booked once, however often it is sent, and its books can be read.
 */
import { serve } from '@hono/node-server';
import { idempotency } from 'oncekey/fetch';
import { sqlite } from 'oncekey/sqlite';

const { PORT = '3000', DATABASE = 'orders.db' } = process.env;
const orders = [];

const once = idempotency({ store: sqlite(DATABASE), scope: customerOf });

async function takeOrder(request) {
  const { item } = await request.json();
  const order = { id: `order-${orders.length + 1}`, customer: customerOf(request), item };
  orders.push(order);
  return Response.json(order, { status: 201, headers: { Location: `/orders/${order.id}` } });
}

/** What a worker exports, and Bun and Deno serve. */
async function handle(request) {
  // Who asks is known before anything is answered, replays included.
  if (customerOf(request) === undefined) return new Response(null, { status: 401 });
  return request.method === 'POST' ? once(request, takeOrder) : Response.json(orders);
}

/** Stands for yours. */
function customerOf({ headers }) {
  return /^Bearer (\w+)$/.exec(headers.get('authorization') ?? '')?.[1];
}

// On Node a fetch handler needs a server that speaks fetch.
serve({ fetch: handle, port: Number(PORT), hostname: '127.0.0.1' }, ({ port }) => {
  process.stdout.write(`${JSON.stringify({ event: 'listening', url: `http://127.0.0.1:${port}` })}\n`);
});
