/** The HTTP contract of requests: the work gets the very body that came, however it came, and stands well behind or in front of body parsers. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { bytesOf, ran, refused, replays, type HttpCaseDefinition } from './case.ts';
import type { HttpWork } from './setup.ts';
import type { Sent } from './wire.ts';

const digest: HttpWork = ({ body }) => ({ body: bytesOf(createHash('sha256').update(body).digest('hex')) });
const parsed: HttpWork = ({ parsed: value }) => ({ body: bytesOf(JSON.stringify(value)) });
const order: Sent = { headers: [['Content-Type', 'application/json']], body: '{"item":"café","n":1}' };

/** Cases of requests. */
export const requestCases: readonly HttpCaseDefinition[] = [
  ...[0, 1, 300, 16_384, 100_000, 1_500_000].map((size): HttpCaseDefinition => ({
    id: `request-body-${size}`,
    name: `a body of ${size} bytes reaches the work as it was sent`,
    async run(t) {
      const app = await t.app(digest);
      const body = t.random.bytes(size);
      const sent: Sent = { headers: [['Content-Type', 'application/octet-stream']], body };
      const first = await app.ask(sent);
      assert.equal(first.body.toString(), createHash('sha256').update(body).digest('hex'));
      replays(first, await app.ask(sent));
    },
  })),
  {
    id: 'request-chunked',
    name: 'a body without a declared length reaches the work, and is the same as one with',
    async run(t) {
      const app = await t.app(({ body }) => ({ body }));
      const first = await app.ask({
        headers: [['Transfer-Encoding', 'chunked']],
        body: '3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n',
      });
      assert.equal(first.body.toString(), 'abcde');
      replays(first, await app.ask({ body: 'abcde' }));
    },
  },
  {
    id: 'request-trickles',
    name: 'a body that comes byte by byte reaches the work',
    async run(t) {
      const app = await t.app(({ body }) => ({ body }));
      const wire = app.wire({ headers: [['Transfer-Encoding', 'chunked']] });
      for (const part of ['1\r\na\r\n', '1\r\nb\r\n', '0\r\n', '\r\n']) {
        await new Promise((resolve) => setImmediate(resolve));
        wire.write(part);
      }
      const reply = await app.settled({ body: 'ab' });
      assert.equal(reply.body.toString(), 'ab');
      wire.leave();
    },
  },
  ...(['before', 'after'] as const).map((bodyParser): HttpCaseDefinition => ({
    id: `request-parser-${bodyParser}`,
    name: `with the body parser ${bodyParser === 'before' ? 'in front of' : 'behind'} the protection the work gets the value, and it is compared`,
    needs: ['body-parser'],
    async run(t) {
      const app = await t.app(parsed, { bodyParser });
      const first = await app.ask(order);
      assert.deepEqual(JSON.parse(first.body.toString()), { item: 'café', n: 1 });
      replays(first, await app.ask({ ...order, body: '{"n":1, "item":"caf\\u00e9"}' }));
      refused(await app.ask({ ...order, body: '{"n":2}' }), 422, 'idempotency_key_reused');
      assert.equal(app.runs(), 1);
    },
  })),
  {
    id: 'request-nested',
    name: 'the protection may stand twice on the way: the request does not block itself (rule 16)',
    needs: ['nesting'],
    async run(t) {
      const app = await t.app(({ body }) => ({ status: 201, body }), { nested: true });
      const first = await app.ask({ body: 'abc' });
      assert.deepEqual([first.status, first.body.toString()], [201, 'abc']);
      replays(first, await app.ask({ body: 'abc' }));
      assert.equal(app.runs(), 1);
    },
  },
  {
    id: 'request-work',
    name: 'the work knows its attempt, its token and its keys for the next service',
    needs: ['work'],
    async run(t) {
      const app = await t.app(({ work }) => ({
        body: bytesOf(
          JSON.stringify([
            work?.attempt,
            typeof work?.token,
            work?.key('charge') === work?.key('charge'),
            work?.signal.aborted,
          ]),
        ),
      }));
      assert.deepEqual(JSON.parse((await app.ask()).body.toString()), [1, 'string', true, false]);
    },
  },
  {
    id: 'request-no-work-without-key',
    name: 'without a key there is no work to know',
    needs: ['work'],
    async run(t) {
      const app = await t.app(({ work }) => ({ body: bytesOf(String(work === undefined)) }));
      assert.equal((await app.plain()).body.toString(), 'true');
    },
  },
  {
    id: 'request-upgrade-passes',
    name: 'a request of another protocol is not claimed',
    async run(t) {
      const app = await t.app();
      const sent: Sent = {
        headers: [
          ['Upgrade', 'other'],
          ['X-A', '1'],
        ],
      };
      await app.ask(sent);
      ran(await app.ask(sent));
    },
  },
];
