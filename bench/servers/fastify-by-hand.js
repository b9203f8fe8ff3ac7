/** The page by hand as hooks of Fastify: what is sent as text or bytes is kept. */
import { AnswersByHand } from './by-hand.js';

/**
 * @typedef {object} Answer
 * @property {number} status
 * @property {import('node:http').OutgoingHttpHeaders} headers
 * @property {string | Buffer} body
 */

/** @param {import('fastify').FastifyInstance} app */
export function onceByHand(app) {
  /** @type {AnswersByHand<Answer>} */
  const answers = new AnswersByHand();
  /** @type {WeakMap<import('fastify').FastifyRequest, (answer: Answer | undefined) => void>} */
  const running = new WeakMap();
  app.addHook('preHandler', (request, reply, next) => {
    const { authorization: scope, 'idempotency-key': key } = request.headers;
    if (request.method !== 'POST' || key === undefined) return next();
    const asked = `${request.method} ${request.url}\n${JSON.stringify(request.body)}`;
    const begun = answers.begin(scope, /** @type {string} */ (key), asked);
    if ('refusal' in begun) return reply.code(begun.refusal.status).send(begun.refusal);
    if ('answer' in begun) {
      const { status, headers, body } = begun.answer;
      return reply.code(status).headers(headers).header('Idempotency-Replayed', 'true').send(body);
    }
    running.set(request, begun.done);
    next();
  });
  app.addHook('onSend', (request, reply, payload, next) => {
    const done = running.get(request);
    const isKept = typeof payload === 'string' || Buffer.isBuffer(payload);
    done?.(isKept ? { status: reply.statusCode, headers: reply.getHeaders(), body: payload } : undefined);
    next();
  });
}
