/**
 * The work of every server that is measured: 200 bytes of JSON come in and are parsed by
 * the caller, 300 bytes of JSON go out. It also tells its parent the port and, when
 * asked, what it has used so far.
 */

const filler = 'y'.repeat(
  300 - JSON.stringify({ id: 'ch_00000001', order: 'order-1001', amount: 4200, note: '' }).length,
);

/**
 * 300 bytes of JSON about `order`, made anew for each request as a real handler would.
 * @param {{ order: string, amount: number }} order
 */
export function chargeFor(order) {
  return { id: 'ch_00000001', order: order.order, amount: order.amount, note: filler };
}

/**
 * Listens on a free loopback port, tells the parent, and answers its questions.
 * @param {import('node:http').Server} server
 */
export function serveParent(server) {
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1', () => {
    const address = /** @type {import('node:net').AddressInfo} */ (server.address());
    process.send?.({ port: address.port });
  });
  process.on('message', () => {
    const { user, system } = process.cpuUsage();
    globalThis.gc?.();
    const { heapUsed, external } = process.memoryUsage();
    process.send?.({ cpuUs: user + system, bytes: heapUsed + external });
  });
  process.on('disconnect', () => process.exit());
}

/**
 * Reads a request's body whole.
 * @param {import('node:http').IncomingMessage} request
 * @param {(text: string) => void} use
 */
export function readBody(request, use) {
  let text = '';
  request.setEncoding('utf8');
  request.on('data', (/** @type {string} */ chunk) => (text += chunk));
  request.on('end', () => use(text));
}
