/**
 * A café's API in memory that knows nothing of idempotency keys: every request that reaches it has its effect,
 * however often it comes. Its ledger shows whether that happened twice.
 */
import { createServer } from 'node:http';

const soldOut = new Set(['cheesecake']);

/** Starts it on a free port of this machine. */
export async function startApi() {
  const orders = new Map();
  const server = createServer((request, response) => {
    answer(request, response).catch((error) => response.destroy(error));
  });

  async function answer(request, response) {
    const { status, body } = handle(orders, request.method, request.url, await readJson(request));
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
  }

  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  return { url: `http://127.0.0.1:${server.address().port}` };
}

function handle(orders, method, path, body) {
  if (method === 'GET' && path === '/ledger') return { status: 200, body: { orders: [...orders.values()] } };
  const [, id, part] = /^\/orders(?:\/([^/]+)\/(lines|payments))?$/.exec(path) ?? [];
  if (method !== 'POST' || !path.startsWith('/orders')) return refusal(404, 'There is nothing here.');
  if (part === undefined) return openOrder(orders, body);
  const order = orders.get(decodeURIComponent(id));
  if (order === undefined) return refusal(404, `There is no order ${id}.`);
  return part === 'lines' ? addLine(order, body) : pay(order, body);
}

function openOrder(orders, { table }) {
  const order = { id: `ord_${String(orders.size + 1).padStart(4, '0')}`, table, lines: [], payments: [] };
  orders.set(order.id, order);
  return { status: 201, body: { id: order.id } };
}

function addLine(order, { sku, quantity = 1, price }) {
  if (soldOut.has(sku)) return refusal(422, `${sku} is sold out.`);
  order.lines.push({ sku, quantity, price });
  return { status: 201, body: { id: `${order.id}-${order.lines.length}` } };
}

function pay(order, { amount, method = 'card' }) {
  order.payments.push({ amount, method });
  return { status: 201, body: { id: `pay_${order.id.slice(4)}`, amount } };
}

function refusal(status, error) {
  return { status, body: { error } };
}

async function readJson(request) {
  let text = '';
  for await (const chunk of request) text += chunk;
  return text === '' ? {} : JSON.parse(text);
}
