/** The HTTP contract of refusals (rule 6): what a client is told, in which form, and what it should do. */
import assert from 'node:assert/strict';
import type { ProtocolOptions } from '../../http/options.ts';
import { bytesOf, type App, type HttpCaseDefinition } from './case.ts';
import type { Reply } from './wire.ts';

const reused = async (app: App): Promise<Reply> => {
  await app.ask({ body: 'one' });
  return app.ask({ body: 'two' });
};
const bodyOf = ({ body }: Reply): unknown => JSON.parse(body.toString());

/** Refusals that can be had without a second thought, and what they advise. */
const advised: readonly (readonly [
  code: string,
  status: number,
  advice: string,
  options: ProtocolOptions,
  get: (app: App) => Promise<Reply>,
])[] = [
  ['idempotency_key_missing', 400, 'use-new-key', { missingKey: 'reject' }, (app) => app.plain()],
  ['idempotency_key_invalid', 400, 'use-new-key', {}, (app) => app.ask({ key: 'a b' })],
  ['idempotency_key_reused', 422, 'use-new-key', {}, reused],
  ['request_too_large', 413, 'stop', { maxRequestBytes: 1 }, (app) => app.ask({ body: '22' })],
];

/** Cases of refusals. */
export const problemCases: readonly HttpCaseDefinition[] = [
  ...advised.map(([code, status, advice, options, get]): HttpCaseDefinition => ({
    id: `problem-${code}`,
    name: `${code} is a problem with type, code, retryable and advice, and is not cached`,
    async run(t) {
      const reply = await get(await t.app({}, { options }));
      assert.deepEqual(
        [reply.status, reply.header('content-type'), reply.header('cache-control'), reply.whole],
        [status, 'application/problem+json', 'no-store', true],
      );
      const problem = bodyOf(reply) as Record<string, unknown>;
      assert.deepEqual(
        [problem['status'], problem['code'], problem['retryable'], problem['advice']],
        [status, code, advice === 'retry-same-key', advice],
      );
      for (const member of ['type', 'title', 'detail']) assert.equal(typeof problem[member], 'string', member);
    },
  })),
  {
    id: 'problem-envelope',
    name: 'as an envelope, where that was chosen',
    async run(t) {
      const reply = await reused(await t.app({}, { options: { errorFormat: 'envelope' } }));
      const { success, data, error } = bodyOf(reply) as { success: boolean; data: null; error: { code: string } };
      assert.deepEqual([success, data, error.code], [false, null, 'idempotency_key_reused']);
    },
  },
  {
    id: 'problem-stripe',
    name: 'as Stripe words it, where that was chosen',
    async run(t) {
      const reply = await reused(await t.app({}, { options: { errorFormat: 'stripe' } }));
      const { error } = bodyOf(reply) as { error: { type: string; code: string } };
      assert.deepEqual([error.type, error.code], ['idempotency_error', 'idempotency_key_reused']);
    },
  },
  {
    id: 'problem-renamed',
    name: 'with another status and code, where that was chosen',
    async run(t) {
      const options = { problems: { 'key-reused': { status: 400, code: 'mine' } } };
      const reply = await reused(await t.app({}, { options }));
      assert.deepEqual([reply.status, (bodyOf(reply) as { code: string }).code], [400, 'mine']);
    },
  },
  {
    id: 'problem-own',
    name: 'as the user writes it, where that was chosen',
    async run(t) {
      const body = bytesOf('mine');
      const options: ProtocolOptions = {
        renderProblem: ({ code }) => ({
          status: 418,
          headers: [
            ['X-Code', code],
            ['Content-Length', String(body.length)],
          ],
          body,
        }),
      };
      const reply = await reused(await t.app({}, { options }));
      assert.deepEqual(
        [reply.status, reply.header('x-code'), reply.body.toString()],
        [418, 'idempotency_key_reused', 'mine'],
      );
    },
  },
];
