/**
 * What a careful engineer writes in a page: answers in a Map by scope and key, the body's
 * digest against another input, 409 while the first runs, a day of retention within a bound.
 * No lease, no takeover, no streams, no search; a head that is given as a list is not kept.
 */
import { hash } from 'node:crypto';

const retentionMs = 86_400_000;
const maxRecords = 100_000;

/**
 * @typedef {object} Answer
 * @property {number} status
 * @property {import('node:http').OutgoingHttpHeaders} headers
 * @property {Buffer} body
 *
 * @typedef {object} Entry
 * @property {string} fingerprint
 * @property {number} endsAtMs Infinity while the first runs.
 * @property {Answer | undefined} answer
 *
 * @typedef {(text: string, response: import('node:http').ServerResponse) => void} Handle Answers a body.
 */

/**
 * @param {Handle} handle
 * @returns {import('node:http').RequestListener}
 */
export function onceByHand(handle) {
  /** @type {Map<string, Entry>} */
  const entries = new Map();
  return (request, response) => {
    readBytes(request, (body) => {
      const { authorization: scope, 'idempotency-key': key } = request.headers;
      if (request.method !== 'POST' || key === undefined) return handle(body.toString(), response);
      if (scope === undefined) return refuse(response, 401, 'whose key is this?');
      const id = JSON.stringify([scope, key]);
      const fingerprint = hash('sha256', Buffer.concat([Buffer.from(`${request.method} ${request.url}\n`), body]));
      const known = entries.get(id);
      if (known !== undefined && known.endsAtMs > Date.now()) return repeat(response, known, fingerprint);
      entries.delete(id);
      makeRoom(entries);
      /** @type {Entry} */
      const entry = { fingerprint, endsAtMs: Infinity, answer: undefined };
      entries.set(id, entry);
      capture(response, (answer) => {
        if (answer === undefined || answer.status >= 500) return void entries.delete(id);
        entry.answer = answer;
        entry.endsAtMs = Date.now() + retentionMs;
      });
      handle(body.toString(), response);
    });
  };
}

/**
 * @param {import('node:http').ServerResponse} response
 * @param {Entry} known
 * @param {string} asked The fingerprint of this request.
 */
function repeat(response, { answer, fingerprint }, asked) {
  if (fingerprint !== asked) return refuse(response, 422, 'this key came before with another request');
  if (answer === undefined) return refuse(response, 409, 'the first request is still running');
  response.writeHead(answer.status, { ...answer.headers, 'Idempotency-Replayed': 'true' });
  response.end(answer.body);
}

/**
 * Lets the oldest finished answers go.
 * @param {Map<string, Entry>} entries
 */
function makeRoom(entries) {
  if (entries.size < maxRecords) return;
  for (const [id, { answer }] of entries) {
    if (answer === undefined) continue;
    entries.delete(id);
    return;
  }
}

/**
 * Tells the answer before its last byte leaves; undefined for one that was broken off.
 * @param {import('node:http').ServerResponse} response
 * @param {(answer: Answer | undefined) => void} done
 */
function capture(response, done) {
  const { writeHead, write, end } = response;
  /** @type {Buffer[]} */
  const chunks = [];
  /** @type {import('node:http').OutgoingHttpHeaders | undefined} */
  let given;
  let ended = false;
  const keep = (/** @type {unknown} */ chunk, /** @type {unknown} */ encoding) => {
    if (chunk instanceof Uint8Array) chunks.push(Buffer.from(chunk));
    else if (typeof chunk === 'string') chunks.push(Buffer.from(chunk, /** @type {BufferEncoding} */ (encoding)));
  };
  response.writeHead = (/** @type {any[]} */ ...args) => {
    if (typeof args.at(-1) === 'object') given = args.at(-1);
    return writeHead.apply(response, args);
  };
  response.write = (/** @type {any[]} */ ...args) => {
    keep(args[0], args[1]);
    return write.apply(response, args);
  };
  response.end = (/** @type {any[]} */ ...args) => {
    keep(args[0], args[1]);
    ended = true;
    const body = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
    done({ status: response.statusCode, headers: { ...response.getHeaders(), ...given }, body });
    return end.apply(response, args);
  };
  response.on('close', () => {
    if (!ended) done(undefined);
  });
}

/**
 * @param {import('node:http').ServerResponse} response
 * @param {number} status
 * @param {string} detail
 */
function refuse(response, status, detail) {
  const body = JSON.stringify({ status, detail });
  response.writeHead(status, { 'Content-Type': 'application/problem+json', 'Content-Length': Buffer.byteLength(body) });
  response.end(body);
}

/**
 * @param {import('node:http').IncomingMessage} request
 * @param {(body: Buffer) => void} use
 */
function readBytes(request, use) {
  /** @type {Buffer[]} */
  const chunks = [];
  request.on('data', (/** @type {Buffer} */ chunk) => chunks.push(chunk));
  request.on('end', () => use(Buffer.concat(chunks)));
}
