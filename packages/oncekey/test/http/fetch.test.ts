/**
 * The fetch entry: whole and streamed bodies, clients that cancel, thrown errors,
 * repeated Set-Cookie, bodies that the handler still can read.
 */
import { createAdaptorServer } from '@hono/node-server';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Store } from '../../src/core/store.ts';
import { currentWork } from '../../src/core/work.ts';
import { idempotency, type FetchHandler } from '../../src/http/fetch.ts';
import type { EntryOptions } from '../../src/http/options.ts';
import { memory } from '../../src/stores/memory.ts';
import { gate } from './rig.ts';

interface Served {
  ask(init?: RequestInit & { path?: string; key?: string }): Promise<Response>;
  runs(): number;
  readonly context: Context;
}

/** As a worker's own: its method refuses to be called without it. */
class Context {
  readonly #works: Promise<unknown>[] = [];
  waitUntil(work: Promise<unknown>): void {
    this.#works.push(work);
  }
  get works(): readonly Promise<unknown>[] {
    return this.#works;
  }
}

function start(handler: FetchHandler, options: Partial<EntryOptions<Request>> = {}): Served {
  let runs = 0;
  const context = new Context();
  const entry = idempotency({ store: memory(), scope: 'public', ...options });
  return {
    context,
    runs: () => runs,
    ask({ path = '/orders?a=1', key = 'k', ...init } = {}) {
      const headers = { 'idempotency-key': key, 'content-type': 'application/json', ...(init.headers as object) };
      const request = new Request(`https://api.example${path}`, { method: 'POST', ...init, headers });
      const next: FetchHandler = (one) => {
        runs++;
        return handler(one);
      };
      return entry(request, next, context);
    },
  };
}

const streamOf = (
  parts: readonly string[],
  between: () => Promise<unknown> = () => Promise.resolve(),
): ReadableStream =>
  new ReadableStream({
    async start(controller) {
      for (const part of parts) {
        controller.enqueue(new TextEncoder().encode(part));
        await between();
      }
      controller.close();
    },
  });

async function expectReplay(first: Response, again: Response): Promise<void> {
  expect(first.headers.get('idempotent-replayed')).toBeNull();
  expect(again.headers.get('idempotent-replayed')).toBe('true');
  expect(again.status).toBe(first.status);
  expect(new Uint8Array(await again.arrayBuffer())).toEqual(new Uint8Array(await first.arrayBuffer()));
}

describe('replays', () => {
  it.each<[string, () => Response]>([
    ['text', () => new Response('hello', { status: 201, headers: { location: '/1' } })],
    ['json', () => Response.json({ a: 1 })],
    ['binary', () => new Response(Uint8Array.of(0, 255, 128))],
    ['204', () => new Response(null, { status: 204 })],
    ['nothing', () => new Response()],
    ['an empty stream', () => new Response(streamOf([]))],
    ['a stream at once', () => new Response(streamOf(['one ', 'two ', 'three']))],
    [
      'a stream in time',
      () => new Response(streamOf(['one ', 'two '], () => new Promise((resolve) => setTimeout(resolve, 5)))),
    ],
    ['a stream with its length', () => new Response(streamOf(['one ', 'two']), { headers: { 'content-length': '7' } })],
    ['a redirect', () => new Response(null, { status: 303, headers: { location: '/1' } })],
  ])('%s', async (_, handler) => {
    const served = start(handler);
    const first = await served.ask();
    const held = first.clone();
    await first.arrayBuffer();
    await expectReplay(held, await served.ask());
    expect(served.runs()).toBe(1);
  });
});

describe('the handler', () => {
  it('gets the very request, unread', async () => {
    let got: Request | undefined;
    const served = start(async (request) => {
      got = request;
      return new Response(`${await request.text()} ${currentWork()?.attempt}`);
    });
    expect(await (await served.ask({ body: 'hello' })).text()).toBe('hello 1');
    expect(got?.bodyUsed).toBe(true);
  });

  it('may throw: answered and kept', async () => {
    const errors: unknown[] = [];
    const served = start(
      () => {
        throw new Error('boom');
      },
      { onWorkError: (error) => errors.push(error) },
    );
    const first = await served.ask();
    expect(first.status).toBe(500);
    await expectReplay(first, await served.ask());
    expect([served.runs(), errors.length]).toEqual([1, 1]);
  });

  it('may throw: released and thrown on, where that was chosen', async () => {
    const served = start(() => Promise.reject(new Error('boom')), { serverErrors: 'release' });
    await expect(served.ask()).rejects.toThrow('boom');
    await expect(served.ask()).rejects.toThrow('boom');
    expect(served.runs()).toBe(2);
  });

  it('leaves a tombstone when its stream breaks', async () => {
    const served = start(
      () =>
        new Response(
          new ReadableStream({
            start(controller) {
              controller.enqueue(Uint8Array.of(1));
              setTimeout(() => controller.error(new Error('broke')), 5);
            },
          }),
        ),
    );
    await expect(served.ask().then((answer) => answer.arrayBuffer())).rejects.toThrow('broke');
    expect(await (await served.ask()).json()).toMatchObject({ code: 'idempotency_outcome_not_kept' });
    expect(served.runs()).toBe(1);
  });
});

describe('on the Node server of Hono', () => {
  it('reads below the Request, which the handler gets unread, and lets a connection go on after a replay', async () => {
    const entry = idempotency({ store: memory(), scope: 'public', maxRequestBytes: 1000 });
    const handler: FetchHandler = async (request) => Response.json([await request.json(), request.bodyUsed]);
    const server = createAdaptorServer({ fetch: (request) => entry(request, handler) });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/orders`;
    const ask = async (n: unknown): Promise<unknown[]> => {
      const answer = await fetch(url, { method: 'POST', body: JSON.stringify(n), headers: { 'Idempotency-Key': 'k' } });
      return [answer.status, answer.headers.get('idempotent-replayed'), await answer.text()];
    };
    expect(await ask(1)).toEqual([200, null, '[1,true]']);
    expect(await ask(1)).toEqual([200, 'true', '[1,true]']);
    expect(await ask(1)).toEqual([200, 'true', '[1,true]']);
    expect((await ask(2))[0]).toBe(422);
    expect((await ask('x'.repeat(2000)))[0]).toBe(413);
    expect((await ask(1))[0]).toBe(200);
  });
});

describe('a client that cancels', () => {
  it('finds the whole answer when it comes back', async () => {
    const { opened, open } = gate();
    const served = start(() => new Response(streamOf(['one ', 'two'], () => opened)));
    const first = await served.ask();
    const gone = first.body?.cancel();
    open();
    await gone;
    expect(served.context.works.length).toBeGreaterThan(0);
    await Promise.all(served.context.works);
    const again = await served.ask();
    expect([again.headers.get('idempotent-replayed'), await again.text()]).toEqual(['true', 'one two']);
  });
});

describe('limits and failures', () => {
  it('does not finish a streamed answer whose lease was lost', async () => {
    const store: Store = { ...memory(), complete: () => ({ kind: 'lost' }) };
    const slowly = () => new Promise((resolve) => setTimeout(resolve, 5));
    const served = start(() => new Response(streamOf(['one ', 'two'], slowly)), { store });
    await expect((await served.ask()).text()).rejects.toThrow(/same key/);
    const whole = start(() => new Response('stale'), { store: { ...memory(), complete: () => ({ kind: 'lost' }) } });
    expect((await whole.ask()).status).toBe(409);
  });
});
