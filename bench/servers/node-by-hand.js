/** The page by hand in front of a handler of `node:http`; a head that is given as a list is not kept. */
import { readBody } from './answer.js';
import { AnswersByHand } from './by-hand.js';

/**
 * @typedef {object} Answer
 * @property {number} status
 * @property {import('node:http').OutgoingHttpHeaders} headers
 * @property {Buffer} body
 *
 * @typedef {(text: string, response: import('node:http').ServerResponse) => void} Handle Answers a body.
 */

/**
 * @param {Handle} handle
 * @returns {import('node:http').RequestListener}
 */
export function onceByHand(handle) {
  /** @type {AnswersByHand<Answer>} */
  const answers = new AnswersByHand();
  return (request, response) => {
    readBody(request, (body) => {
      const { authorization: scope, 'idempotency-key': key } = request.headers;
      if (request.method !== 'POST' || key === undefined) return handle(body, response);
      const begun = answers.begin(scope, /** @type {string} */ (key), `${request.method} ${request.url}\n${body}`);
      if ('refusal' in begun) return refuse(response, begun.refusal);
      if ('answer' in begun) return repeat(response, begun.answer);
      capture(response, begun.done);
      handle(body, response);
    });
  };
}

/**
 * @param {import('node:http').ServerResponse} response
 * @param {Answer} answer
 */
function repeat(response, answer) {
  response.writeHead(answer.status, { ...answer.headers, 'Idempotency-Replayed': 'true' });
  response.end(answer.body);
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
 * @param {import('./by-hand.js').Refusal} refusal
 */
function refuse(response, refusal) {
  const body = JSON.stringify(refusal);
  const headers = { 'Content-Type': 'application/problem+json', 'Content-Length': Buffer.byteLength(body) };
  response.writeHead(refusal.status, headers);
  response.end(body);
}
