/** The page by hand as middleware of Hono: answers are read whole and kept. */
import { AnswersByHand } from './by-hand.js';

/**
 * @typedef {object} Answer
 * @property {number} status
 * @property {Record<string, string>} headers
 * @property {ArrayBuffer} body
 */

/** @returns {import('hono').MiddlewareHandler} */
export function onceByHand() {
  /** @type {AnswersByHand<Answer>} */
  const answers = new AnswersByHand();
  return async (context, next) => {
    const { req } = context;
    const key = req.header('idempotency-key');
    if (req.method !== 'POST' || key === undefined) return next();
    const begun = answers.begin(req.header('authorization'), key, `${req.method} ${req.path}\n${await req.text()}`);
    if ('refusal' in begun) return context.json(begun.refusal, /** @type {any} */ (begun.refusal.status));
    if ('answer' in begun) {
      const { status, headers, body } = begun.answer;
      return context.body(body, /** @type {any} */ (status), { ...headers, 'Idempotency-Replayed': 'true' });
    }
    await next();
    const { status, headers } = context.res;
    begun.done({ status, headers: Object.fromEntries(headers), body: await context.res.clone().arrayBuffer() });
  };
}
