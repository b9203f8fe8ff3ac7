/** The fetch entry (and with it the whole protocol) where there is no Node server: answers byte for byte. */
import assert from 'node:assert/strict';
import { idempotency, type FetchHandler } from '../../../src/http/fetch.ts';
import type { EntryOptions } from '../../../src/http/options.ts';
import { memory } from '../../../src/stores/memory.ts';
import type { SuiteCase } from './suite.ts';

interface AskInit {
  readonly key?: string | null;
  readonly body?: string;
  readonly path?: string;
  readonly scope?: string;
}

function serve(handler: FetchHandler, options: Partial<EntryOptions<Request>> = {}) {
  let runs = 0;
  const background: Promise<unknown>[] = [];
  const scope = (request: Request): string | undefined => request.headers.get('authorization') ?? undefined;
  const protect = idempotency({ store: memory(), scope, ...options });
  return {
    runs: () => runs,
    settled: () => Promise.all(background),
    ask({ key = '"k"', body = '{"amount":1}', path = '/orders', scope: who = 'acme' }: AskInit = {}) {
      const headers = new Headers({ 'content-type': 'application/json', authorization: who });
      if (key !== null) headers.set('idempotency-key', key);
      const request = new Request(`https://api.example${path}`, { method: 'POST', headers, body });
      const next: FetchHandler = (one) => {
        runs += 1;
        return handler(one);
      };
      return protect(request, next, { waitUntil: (work) => background.push(work) });
    },
  };
}

function replays(id: string, handler: FetchHandler): SuiteCase {
  return {
    id: `fetch-replay-${id}`,
    async run() {
      const served = serve(handler);
      const first = await served.ask();
      const bytes = await bytesOf(first);
      const again = await served.ask();
      assert.deepEqual(await bytesOf(again), bytes);
      assert.equal(again.status, first.status);
      assert.equal(again.headers.get('content-type'), first.headers.get('content-type'));
      assert.deepEqual(
        [first, again].map((one) => one.headers.get('idempotent-replayed')),
        [null, 'true'],
      );
      assert.equal(served.runs(), 1);
    },
  };
}

function refuses(id: string, status: number, code: string, ask: AskInit): SuiteCase {
  return {
    id: `fetch-refuse-${id}`,
    async run() {
      const served = serve(() => new Response('ok'));
      const answer = await served.ask(ask);
      assert.equal(answer.status, status);
      assert.match(answer.headers.get('content-type') ?? '', /^application\/problem\+json/);
      assert.equal(((await answer.json()) as { code: string }).code, code);
      assert.equal(served.runs(), 0);
    },
  };
}

export const fetchCases: readonly SuiteCase[] = [
  replays('text', () => new Response('héllo', { status: 201, headers: { location: '/1' } })),
  replays('json', async (request) => Response.json(await request.json(), { headers: { etag: '"1"' } })),
  replays('binary', () => new Response(Uint8Array.from({ length: 256 }, (_, index) => index))),
  replays('empty', () => new Response(null, { status: 204 })),
  replays('redirect', () => new Response(null, { status: 303, headers: { location: '/1' } })),
  replays('not-found', () => Response.json({ error: 'no such order' }, { status: 404 })),
  replays('stream', () => new Response(streamOf(['one ', 'two ', 'three']))),
  replays('large', () => new Response(new Uint8Array(900_000).fill(7))),
  refuses('blank-key', 400, 'idempotency_key_invalid', { key: '""' }),
  refuses('unbalanced-key', 400, 'idempotency_key_invalid', { key: '"k' }),
  refuses('client-bug', 400, 'idempotency_key_invalid', { key: 'undefined' }),
  {
    id: 'fetch-no-key-passes',
    async run() {
      const served = serve(() => new Response('ok'));
      await served.ask({ key: null });
      await served.ask({ key: null });
      assert.equal(served.runs(), 2);
    },
  },
  {
    id: 'fetch-quoted-is-bare',
    async run() {
      const served = serve(() => new Response('ok'));
      await bytesOf(await served.ask({ key: '"k"' }));
      assert.equal((await served.ask({ key: 'k' })).headers.get('idempotent-replayed'), 'true');
    },
  },
  {
    id: 'fetch-scopes-are-apart',
    async run() {
      const served = serve(() => new Response('ok'));
      await bytesOf(await served.ask({ scope: 'acme' }));
      await bytesOf(await served.ask({ scope: 'other' }));
      assert.equal(served.runs(), 2);
    },
  },
  {
    id: 'fetch-same-json-otherwise-written',
    async run() {
      const served = serve(() => new Response('ok'));
      await bytesOf(await served.ask({ body: '{"a":1,"b":2}' }));
      assert.equal((await served.ask({ body: '{ "b": 2.0, "a": 1 }' })).headers.get('idempotent-replayed'), 'true');
    },
  },
  {
    id: 'fetch-key-reused',
    async run() {
      const served = serve(() => new Response('ok'));
      await bytesOf(await served.ask());
      const other = await served.ask({ body: '{"amount":2}' });
      assert.equal(other.status, 422);
      assert.equal(served.runs(), 1);
    },
  },
  {
    id: 'fetch-in-progress',
    async run() {
      let finish = (): void => {};
      const held = new Promise<void>((resolve) => (finish = resolve));
      let begin = (): void => {};
      const begun = new Promise<void>((resolve) => (begin = resolve));
      const served = serve(async () => {
        begin();
        await held;
        return new Response('ok');
      });
      const first = served.ask();
      await begun;
      const meanwhile = await served.ask();
      assert.deepEqual([meanwhile.status, meanwhile.headers.get('retry-after')], [409, '1']);
      finish();
      await bytesOf(await first);
      assert.equal((await served.ask()).headers.get('idempotent-replayed'), 'true');
    },
  },
  {
    id: 'fetch-waits',
    async run() {
      const served = serve(
        async () => {
          await new Promise((resolve) => setTimeout(resolve, 20));
          return new Response('ok');
        },
        { inProgress: 'wait', waitMs: 5000 },
      );
      const all = await Promise.all(Array.from({ length: 20 }, () => served.ask()));
      assert.deepEqual(
        await Promise.all(all.map((one) => one.text())),
        Array.from({ length: 20 }, () => 'ok'),
      );
      assert.equal(served.runs(), 1);
    },
  },
  {
    id: 'fetch-event-stream-is-not-kept',
    async run() {
      const served = serve(
        () => new Response(streamOf(['data: 1\n\n']), { headers: { 'content-type': 'text/event-stream' } }),
      );
      assert.equal(await (await served.ask()).text(), 'data: 1\n\n');
      await served.settled();
      const again = await served.ask();
      assert.equal(again.status, 409);
      assert.equal(((await again.json()) as { code: string }).code, 'idempotency_outcome_not_kept');
      assert.equal(served.runs(), 1);
    },
  },
  {
    id: 'fetch-client-gone',
    async run() {
      const served = serve(() => new Response(streamOf(['one ', 'two'])));
      await (await served.ask()).body?.cancel();
      await served.settled();
      assert.equal(await (await served.ask()).text(), 'one two');
      assert.equal(served.runs(), 1);
    },
  },
  {
    id: 'fetch-set-cookie-is-not-replayed',
    async run() {
      const served = serve(() => {
        const headers = new Headers([
          ['set-cookie', 'a=1'],
          ['set-cookie', 'b=2'],
          ['x-kept', 'yes'],
        ]);
        return new Response('ok', { headers });
      });
      const first = await served.ask();
      assert.deepEqual(first.headers.getSetCookie(), ['a=1', 'b=2']);
      await bytesOf(first);
      const again = await served.ask();
      assert.deepEqual([again.headers.getSetCookie(), again.headers.get('x-kept')], [[], 'yes']);
    },
  },
];

async function bytesOf(response: Response): Promise<Uint8Array> {
  return new Uint8Array(await response.arrayBuffer());
}

function streamOf(parts: readonly string[]): ReadableStream<Uint8Array> {
  const left = [...parts];
  return new ReadableStream({
    async pull(controller) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      const part = left.shift();
      if (part === undefined) controller.close();
      else controller.enqueue(new TextEncoder().encode(part));
    },
  });
}
