/**
 * The load generator, a process of its own: keep-alive connections over node:net that each
 * send one prepared request, read an answer of known length and send the next. autocannon
 * 9 parses answers in JavaScript: it saturated its core at 31 k/s where a bare node:http
 * server answers this one at 47 k/s, so it would have measured itself; a request costs this
 * one 6 µs, and the server 15. Every answer's status is checked; an answer that is not 2xx
 * or has another length fails the run.
 */
import { connect } from 'node:net';

/**
 * @typedef {object} LoadAsk
 * @property {number} port
 * @property {string} path
 * @property {'none' | 'fresh' | 'repeat'} keys No key header; a key and a body never used before; one of sixteen.
 * @property {number} connections
 * @property {number} durationMs Time to send; ignored when `requests` is given.
 * @property {number} [requests] Exactly this many instead.
 * @property {number} [firstKey] Where `repeat` starts to count its keys.
 * @property {boolean} [sleeps] Waits for answers asleep: for servers that need the cores themselves.
 *
 * @typedef {object} LoadAnswer
 * @property {number} requests Answers received.
 * @property {number} elapsedMs
 */

const keyDigits = 12;
// As many as the warm-up in http.js goes through.
const repeatedKeys = 16;
// Each process counts from elsewhere, so that a fresh key is fresh to every server it meets.
let nextKey = process.pid * 1_000_000 + 1000;

process.on('message', (/** @type {LoadAsk} */ ask) => {
  run(ask).then(
    (answer) => process.send?.(answer),
    (/** @type {Error} */ error) => process.send?.({ error: error.message }),
  );
});
process.on('disconnect', () => process.exit());
process.send?.({ ready: true });

/**
 * @param {LoadAsk} ask
 * @returns {Promise<LoadAnswer>}
 */
async function run(ask) {
  const budget = { left: ask.requests ?? Number.POSITIVE_INFINITY, done: 0, over: false };
  const started = performance.now();
  const timer = ask.requests === undefined ? setTimeout(() => (budget.over = true), ask.durationMs) : undefined;
  const rest = ask.sleeps === true ? () => {} : stayAwake();
  await Promise.all(Array.from({ length: ask.connections }, (_, index) => drive(ask, index, budget)));
  rest();
  clearTimeout(timer);
  return { requests: budget.done, elapsedMs: performance.now() - started };
}

/**
 * Keeps this process from sleeping until the returned function is called. A generator that slept would be woken by the
 * server's own writes, and waking an idle virtual core costs the writer tens of microseconds: the slower of two servers,
 * which finds it asleep more often, would look slower by far more than it is.
 */
function stayAwake() {
  let awake = true;
  const turn = () => {
    if (awake) setImmediate(turn);
  };
  turn();
  return () => {
    awake = false;
  };
}

/**
 * @param {LoadAsk} ask
 * @param {number} index
 * @param {{ left: number, done: number, over: boolean }} budget
 * @returns {Promise<void>}
 */
function drive(ask, index, budget) {
  const { bytes, keyAt, noteAt } = requestBytes(ask, index);
  return new Promise((resolve, reject) => {
    const buffer = Buffer.allocUnsafe(4096);
    let expected = 0;
    let received = 0;
    // Read into one buffer for good: half of a generator's time would go into making chunks.
    const callback = (/** @type {number} */ length) => {
      if (received === 0 && buffer[9] !== 0x32) {
        socket.destroy(new Error(`refused: ${buffer.latin1Slice(0, length)}`));
        return false;
      }
      if (expected === 0) expected = lengthOf(buffer.subarray(0, length));
      received += length;
      if (received > expected) socket.destroy(new Error(`${received} bytes instead of ${expected}`));
      else if (received === expected) {
        received = 0;
        budget.done += 1;
        next();
      }
      return true;
    };
    const socket = connect({ port: ask.port, host: '127.0.0.1', noDelay: true, onread: { buffer, callback } });
    const next = () => {
      if (budget.over || budget.left <= 0) {
        socket.end();
        return;
      }
      budget.left -= 1;
      if (ask.keys === 'fresh') {
        // A new intent has a body of its own, too.
        writeKey(bytes, noteAt, nextKey);
        writeKey(bytes, keyAt, nextKey++);
      }
      socket.write(bytes);
    };
    socket.on('connect', next);
    socket.on('error', reject);
    socket.on('close', () => resolve());
  });
}

/**
 * @param {LoadAsk} ask
 * @param {number} index
 */
function requestBytes(ask, index) {
  const note = '0'.repeat(keyDigits);
  const body = JSON.stringify({ order: 'order-1001', amount: 4200, currency: 'EUR', note: note.padEnd(137, 'x') });
  const head = [
    `POST ${ask.path} HTTP/1.1`,
    `Host: 127.0.0.1:${ask.port}`,
    'Authorization: Bearer benchmark',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  if (ask.keys !== 'none') head.push(`Idempotency-Key: "${'0'.repeat(keyDigits)}"`);
  const bytes = Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`);
  const keyAt = bytes.indexOf('Idempotency-Key: "') + 'Idempotency-Key: "'.length;
  if (ask.keys === 'repeat') writeKey(bytes, keyAt, (index + (ask.firstKey ?? 0)) % repeatedKeys);
  return { bytes, keyAt, noteAt: bytes.lastIndexOf(note) };
}

/**
 * In place: the connection's last request has been answered, so nobody reads these bytes any more.
 * @param {Buffer} bytes
 * @param {number} at
 * @param {number} key
 */
function writeKey(bytes, at, key) {
  let rest = key;
  for (let place = at + keyDigits - 1; place >= at; place -= 1) {
    bytes[place] = 0x30 + (rest % 10);
    rest = Math.floor(rest / 10);
  }
}

/**
 * @param {Buffer} chunk
 * @returns {number}
 */
function lengthOf(chunk) {
  const head = chunk.indexOf('\r\n\r\n');
  const match = /\r\ncontent-length: *(\d+)/i.exec(chunk.subarray(0, head).toString('latin1'));
  if (head < 0 || match === null) throw new Error('an answer without Content-Length cannot be measured');
  return head + 4 + Number(match[1]);
}
