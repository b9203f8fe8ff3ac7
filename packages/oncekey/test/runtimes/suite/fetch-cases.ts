/**
 * The entries that need no Node server (and with them the whole protocol): fetch itself
 * and Hono, answers byte for byte.
 */
import assert from 'node:assert/strict';
import { Hono } from 'hono';
import { idempotency, type FetchHandler } from '../../../src/http/fetch.ts';
import { idempotency as honoIdempotency } from '../../../src/http/hono.ts';
import type { EntryOptions } from '../../../src/http/options.ts';
import { memory } from '../../../src/stores/memory.ts';
import type { SuiteCase } from './suite.ts';

interface AskInit {
  readonly key?: string | null;
  readonly body?: string;
  readonly path?: string;
  readonly scope?: string;
}

type Choices = Pick<EntryOptions<Request>, 'inProgress' | 'waitMs'>;
type WaitUntil = (work: Promise<unknown>) => void;
/** A protected handler of one of the entries; the scope is the header `authorization`. */
type Protect = (
  handler: FetchHandler,
  choices: Choices,
) => (request: Request, waitUntil: WaitUntil) => Promise<Response>;

const withFetch: Protect = (handler, choices) => {
  const scope = (request: Request): string | undefined => request.headers.get('authorization') ?? undefined;
  const protect = idempotency({ store: memory(), scope, ...choices });
  return (request, waitUntil) => protect(request, handler, { waitUntil });
};

const withHono: Protect = (handler, choices) => {
  const app = new Hono();
  app.use(honoIdempotency({ store: memory(), scope: (context) => context.req.header('authorization'), ...choices }));
  app.post('*', (context) => handler(context.req.raw));
  return async (request, waitUntil) =>
    app.fetch(request, {}, { waitUntil, passThroughOnException: () => undefined, props: {} });
};

function serveWith(protect: Protect, handler: FetchHandler, choices: Choices = {}) {
  let runs = 0;
  const background: Promise<unknown>[] = [];
  const counted: FetchHandler = (request) => {
    runs += 1;
    return handler(request);
  };
  const handle = protect(counted, choices);
  return {
    runs: () => runs,
    settled: () => Promise.all(background),
    ask({ key = '"k"', body = '{"amount":1}', path = '/orders', scope: who = 'acme' }: AskInit = {}) {
      const headers = new Headers({ 'content-type': 'application/json', authorization: who });
      if (key !== null) headers.set('idempotency-key', key);
      const request = new Request(`https://api.example${path}`, { method: 'POST', headers, body });
      return handle(request, (work) => background.push(work));
    },
  };
}

type Serve = (handler: FetchHandler, choices?: Choices) => ReturnType<typeof serveWith>;

function replays(serve: Serve, id: string, handler: FetchHandler): SuiteCase {
  return {
    id: `replay-${id}`,
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

function refuses(serve: Serve, id: string, status: number, code: string, ask: AskInit): SuiteCase {
  return {
    id: `refuse-${id}`,
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

function casesOf(entry: string, protect: Protect): readonly SuiteCase[] {
  const serve: Serve = (handler, choices) => serveWith(protect, handler, choices);
  const cases = [...answerCases(serve), ...claimCases(serve), ...streamCases(serve)];
  return cases.map(({ id, run }) => ({ id: `${entry}-${id}`, run }));
}

const answerCases = (serve: Serve): readonly SuiteCase[] => [
  replays(serve, 'text', () => new Response('héllo', { status: 201, headers: { location: '/1' } })),
  replays(serve, 'json', async (request) => Response.json(await request.json(), { headers: { etag: '"1"' } })),
  replays(serve, 'binary', () => new Response(Uint8Array.from({ length: 256 }, (_, index) => index))),
  replays(serve, 'empty', () => new Response(null, { status: 204 })),
  replays(serve, 'redirect', () => new Response(null, { status: 303, headers: { location: '/1' } })),
  replays(serve, 'not-found', () => Response.json({ error: 'no such order' }, { status: 404 })),
  replays(serve, 'stream', () => new Response(streamOf(['one ', 'two ', 'three']))),
  replays(serve, 'large', () => new Response(new Uint8Array(900_000).fill(7))),
  refuses(serve, 'blank-key', 400, 'idempotency_key_invalid', { key: '""' }),
  refuses(serve, 'unbalanced-key', 400, 'idempotency_key_invalid', { key: '"k' }),
  refuses(serve, 'client-bug', 400, 'idempotency_key_invalid', { key: 'undefined' }),
];

const claimCases = (serve: Serve): readonly SuiteCase[] => [
  {
    id: 'no-key-passes',
    async run() {
      const served = serve(() => new Response('ok'));
      await served.ask({ key: null });
      await served.ask({ key: null });
      assert.equal(served.runs(), 2);
    },
  },
  {
    id: 'quoted-is-bare',
    async run() {
      const served = serve(() => new Response('ok'));
      await bytesOf(await served.ask({ key: '"k"' }));
      assert.equal((await served.ask({ key: 'k' })).headers.get('idempotent-replayed'), 'true');
    },
  },
  {
    id: 'scopes-are-apart',
    async run() {
      const served = serve(() => new Response('ok'));
      await bytesOf(await served.ask({ scope: 'acme' }));
      await bytesOf(await served.ask({ scope: 'other' }));
      assert.equal(served.runs(), 2);
    },
  },
  {
    id: 'same-json-otherwise-written',
    async run() {
      const served = serve(() => new Response('ok'));
      await bytesOf(await served.ask({ body: '{"a":1,"b":2}' }));
      assert.equal((await served.ask({ body: '{ "b": 2.0, "a": 1 }' })).headers.get('idempotent-replayed'), 'true');
    },
  },
  {
    id: 'key-reused',
    async run() {
      const served = serve(() => new Response('ok'));
      await bytesOf(await served.ask());
      const other = await served.ask({ body: '{"amount":2}' });
      assert.equal(other.status, 422);
      assert.equal(served.runs(), 1);
    },
  },
  {
    id: 'in-progress',
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
    id: 'waits',
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
];

const streamCases = (serve: Serve): readonly SuiteCase[] => [
  {
    id: 'event-stream-is-not-kept',
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
    id: 'client-gone',
    async run() {
      const served = serve(() => new Response(streamOf(['one ', 'two'])));
      await (await served.ask()).body?.cancel();
      await served.settled();
      assert.equal(await (await served.ask()).text(), 'one two');
      assert.equal(served.runs(), 1);
    },
  },
  {
    id: 'set-cookie-is-not-replayed',
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

/** The cases of both entries. */
export const fetchCases: readonly SuiteCase[] = [...casesOf('fetch', withFetch), ...casesOf('hono', withHono)];

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
