/** The HTTP contract of headers (rule 8): which belong to the answer and come again, which to one client or one moment. */
import assert from 'node:assert/strict';
import type { HeaderLine } from '../../core/outcome.ts';
import { replays, type HttpCaseDefinition } from './case.ts';

const kept: readonly HeaderLine[] = [
  ['Content-Type', 'application/vnd.order+json; charset=utf-8'],
  ['Content-Language', 'de'],
  ['Content-Encoding', 'x-none'],
  ['Content-Disposition', 'attachment; filename="a.pdf"'],
  ['Location', '/orders/1'],
  ['Content-Location', '/orders/1'],
  ['ETag', '"1"'],
  ['Last-Modified', 'Tue, 01 Sep 2026 10:00:00 GMT'],
  ['Cache-Control', 'private, max-age=5'],
  ['Link', '</a>; rel="next"'],
  ['Vary', 'Accept'],
  ['Retry-After', '7'],
  ['X-Custom', 'a, b'],
  ['X-Empty', ''],
];
const dropped: readonly HeaderLine[] = [
  ['Set-Cookie', 'session=1'],
  ['WWW-Authenticate', 'Basic'],
  ['Proxy-Authenticate', 'Basic'],
  ['Authentication-Info', 'x=1'],
  ['Authorization', 'Bearer secret'],
  ['Access-Control-Allow-Origin', 'https://a.example'],
  ['Access-Control-Allow-Credentials', 'true'],
  ['RateLimit-Remaining', '3'],
  ['X-RateLimit-Reset', '3'],
  ['X-Rate-Limit-Limit', '3'],
  ['traceparent', '00-1-2-01'],
  ['tracestate', 'a=1'],
  ['X-Request-Id', 'r1'],
  ['X-Correlation-Id', 'c1'],
  ['Server-Timing', 'db;dur=5'],
  ['Age', '3'],
];

/** Cases of headers. */
export const headerCases: readonly HttpCaseDefinition[] = [
  ...kept.map((line): HttpCaseDefinition => ({
    id: `header-${line[0].toLowerCase()}-kept`,
    name: `${line[0]} belongs to the answer: a replay has it`,
    async run(t) {
      const app = await t.app({ headers: [line] });
      const first = await app.ask();
      assert.deepEqual(first.all(line[0].toLowerCase()), [line[1]]);
      replays(first, await app.ask());
    },
  })),
  ...dropped.map((line): HttpCaseDefinition => ({
    id: `header-${line[0].toLowerCase()}-dropped`,
    name: `${line[0]} reaches the first client and no other`,
    async run(t) {
      const app = await t.app({ headers: [line] });
      assert.deepEqual((await app.ask()).all(line[0].toLowerCase()), [line[1]]);
      const again = await app.ask();
      assert.equal(again.header('idempotent-replayed'), 'true');
      assert.deepEqual(again.all(line[0].toLowerCase()), []);
    },
  })),
  {
    id: 'header-repeated',
    name: 'repeated lines and their order come again',
    async run(t) {
      const headers: HeaderLine[] = [
        ['Link', '</a>'],
        ['X-Many', '2'],
        ['Link', '</b>'],
        ['X-Many', '1'],
      ];
      const app = await t.app({ headers });
      const first = await app.ask();
      const again = await app.ask();
      assert.equal(first.all('link').join(', '), '</a>, </b>');
      assert.equal(first.all('x-many').join(', '), '2, 1');
      replays(first, again);
    },
  },
  {
    id: 'header-set-cookie-repeated',
    name: 'two cookies reach the first client as two lines',
    async run(t) {
      const app = await t.app({
        headers: [
          ['Set-Cookie', 'a=1'],
          ['Set-Cookie', 'b=2; Expires=Tue, 01 Sep 2026 10:00:00 GMT'],
        ],
      });
      assert.equal((await app.ask()).all('set-cookie').length, 2);
      assert.deepEqual((await app.ask()).all('set-cookie'), []);
    },
  },
  {
    id: 'header-marker-of-handler',
    name: 'a marker that the work sets itself is taken out of its answer',
    async run(t) {
      const app = await t.app({ headers: [['Idempotent-Replayed', 'true']] });
      replays(await app.ask(), await app.ask());
    },
  },
  {
    id: 'header-marker-renamed',
    name: 'the marker has the name that was chosen',
    async run(t) {
      const app = await t.app({}, { options: { replayHeader: 'X-Again' } });
      replays(await app.ask(), await app.ask(), 'x-again');
    },
  },
  {
    id: 'header-length',
    name: 'a replay says its length, and no transfer coding',
    async run(t) {
      const app = await t.app({ body: new Uint8Array(5) });
      await app.ask();
      const again = await app.ask();
      assert.deepEqual([again.all('content-length'), again.all('transfer-encoding')], [['5'], []]);
    },
  },
  {
    id: 'header-echo',
    name: 'key and retention are echoed on first answers and replays where that was chosen',
    async run(t) {
      const app = await t.app({}, { options: { echoKey: true, retentionMs: 90_000 } });
      for (let time = 0; time < 2; time++) {
        const reply = await app.ask({ key: 'k' });
        assert.deepEqual([reply.header('idempotency-key'), reply.header('idempotency-retention')], ['"k"', '90']);
      }
    },
  },
  {
    id: 'header-no-echo',
    name: 'nothing is echoed unless that was chosen',
    async run(t) {
      const app = await t.app();
      for (let time = 0; time < 2; time++) assert.equal((await app.ask()).header('idempotency-key'), undefined);
    },
  },
  {
    id: 'header-cors',
    name: 'a chosen origin may read replays and refusals, their marker and Retry-After; another may not',
    async run(t) {
      const app = await t.app({}, { options: { corsOrigins: ['https://shop.example'] } });
      const from = (origin: string, body = ''): ReturnType<typeof app.ask> =>
        app.ask({ headers: [['Origin', origin]], body });
      await from('https://shop.example');
      const replies = [await from('https://shop.example'), await from('https://shop.example', 'other')];
      assert.deepEqual(
        replies.map(({ status }) => status),
        [200, 422],
      );
      for (const reply of replies) {
        assert.equal(reply.header('access-control-allow-origin'), 'https://shop.example');
        assert.match(reply.header('access-control-expose-headers') ?? '', /Idempotent-Replayed.*Retry-After/);
        assert.match(reply.all('vary').join(), /origin/i);
      }
      assert.equal((await from('https://evil.example')).header('access-control-allow-origin'), undefined);
    },
  },
];
