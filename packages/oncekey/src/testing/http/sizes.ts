/** The HTTP contract of sizes (rule 12): what is too large is refused before it runs, or leaves a tombstone after. */
import assert from 'node:assert/strict';
import { bytesOf, pause, pieces, ran, refused, replays, type HttpCaseDefinition } from './case.ts';

/** Cases of sizes. */
export const sizeCases: readonly HttpCaseDefinition[] = [
  {
    id: 'size-request-at-cap',
    name: 'a keyed request of exactly the cap runs',
    async run(t) {
      const app = await t.app(({ body }) => ({ body: bytesOf(String(body.length)) }), {
        options: { maxRequestBytes: 1000 },
      });
      const first = await app.ask({ body: 'x'.repeat(1000) });
      assert.equal(first.body.toString(), '1000');
      replays(first, await app.ask({ body: 'x'.repeat(1000) }));
    },
  },
  {
    id: 'size-request-over-cap',
    name: 'a keyed request over the cap is refused and nothing runs',
    async run(t) {
      const app = await t.app({}, { options: { maxRequestBytes: 1000 } });
      refused(await app.ask({ body: 'x'.repeat(1001) }), 413, 'request_too_large');
      assert.equal(app.runs(), 0);
      ran(await app.ask({ body: 'small' }));
    },
  },
  {
    id: 'size-request-over-cap-chunked',
    name: 'so is one whose length was not declared',
    async run(t) {
      const app = await t.app({}, { options: { maxRequestBytes: 1000 } });
      const chunk = `3e8\r\n${'x'.repeat(1000)}\r\n`;
      const body = `${chunk}1\r\nx\r\n0\r\n\r\n`;
      refused(await app.ask({ headers: [['Transfer-Encoding', 'chunked']], body }), 413, 'request_too_large');
      assert.equal(app.runs(), 0);
    },
  },
  {
    id: 'size-request-without-key',
    name: 'a request without a key has no cap',
    async run(t) {
      const app = await t.app(({ body }) => ({ body: bytesOf(String(body.length)) }), {
        options: { maxRequestBytes: 10 },
      });
      assert.equal((await app.plain({ body: 'x'.repeat(5000) })).body.toString(), '5000');
    },
  },
  {
    id: 'size-answer-at-cap',
    name: 'an answer of exactly the cap is kept',
    async run(t) {
      const app = await t.app({ body: new Uint8Array(1000) }, { options: { maxResponseBytes: 1000 } });
      replays(await app.ask(), await app.ask());
    },
  },
  ...[false, true].map((streamed): HttpCaseDefinition => ({
    id: `size-answer-over-cap-${streamed ? 'streamed' : 'whole'}`,
    name: `an answer over the cap${streamed ? ', in chunks,' : ''} reaches its client whole and leaves a tombstone`,
    async run(t) {
      const bytes = t.random.bytes(1001);
      const body = (): Uint8Array | AsyncIterable<Uint8Array> =>
        streamed ? pieces([bytes.subarray(0, 999), bytes.subarray(999)], () => pause(2)) : bytes;
      const app = await t.app(() => ({ body: body() }), { options: { maxResponseBytes: 1000 } });
      const first = await app.ask();
      assert.ok(first.whole && first.body.equals(bytes), 'the first answer must be whole');
      refused(await app.ask(), 409, 'idempotency_outcome_not_kept');
      assert.equal(app.runs(), 1);
    },
  })),
  {
    id: 'size-answer-status-only',
    name: 'of an answer over the cap status and headers are kept where that was chosen',
    async run(t) {
      const options = { maxResponseBytes: 9, oversize: 'status-only' } as const;
      const app = await t.app({ status: 201, headers: [['Location', '/1']], body: new Uint8Array(10) }, { options });
      await app.ask();
      const again = await app.ask();
      assert.deepEqual([again.status, again.header('location'), again.body.length], [201, '/1', 0]);
      assert.equal(again.header('idempotent-replayed'), 'true');
      assert.equal(app.runs(), 1);
    },
  },
];
