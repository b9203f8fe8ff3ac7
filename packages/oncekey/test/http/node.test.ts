/**
 * The node:http entry end to end over raw sockets: byte-equal replays (I4), what is held
 * back (rule 14), clients that leave (rule 11), stores that fail (rule 13), stale owners
 * (rule 9) and bodies that handlers still can read.
 */
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, vi } from 'vitest';
import type { OnceEvent } from '../../src/core/events.ts';
import type { Store } from '../../src/core/store.ts';
import { currentWork } from '../../src/core/work.ts';
import { idempotency, type NodeHandler } from '../../src/http/node.ts';
import type { EntryOptions } from '../../src/http/options.ts';
import { memory } from '../../src/stores/memory.ts';
import { exchange, gate, requestBytes, send, serve, type Reply } from './rig.ts';

type Options = Partial<EntryOptions<IncomingMessage>>;

const here = fileURLToPath(import.meta.url);

async function start(handler: NodeHandler, options: Options = {}): Promise<{ port: number; runs(): number }> {
  let runs = 0;
  const entry = idempotency({ store: memory(), scope: 'public', ...options });
  const port = await serve(
    entry((request, response) => {
      runs++;
      return handler(request, response);
    }) as (request: IncomingMessage, response: ServerResponse) => void,
  );
  return { port, runs: () => runs };
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
}

const perConnection = new Set(['date', 'connection', 'keep-alive', 'content-length', 'transfer-encoding']);
const kept = (reply: Reply): unknown => reply.lines.filter(([name]) => !perConnection.has(name));

function expectReplay(first: Reply, replay: Reply, marker = 'idempotent-replayed'): void {
  expect(first.whole).toBe(true);
  expect(replay.whole).toBe(true);
  expect(first.header(marker)).toBeUndefined();
  expect(replay.header(marker)).toBe('true');
  expect(replay.status).toBe(first.status);
  expect(replay.body.equals(first.body)).toBe(true);
  expect(replay.lines.filter(([name]) => !perConnection.has(name) && name !== marker)).toEqual(kept(first));
}

describe('byte-equal replays', () => {
  const binary = randomBytes(70_000);
  const cases: Record<string, (response: ServerResponse) => unknown> = {
    'end(text)': (response) => response.end('hello'),
    'end(text, encoding)': (response) => response.end('68e9', 'hex'),
    'end() without a body': (response) => response.end(),
    'binary in one': (response) => response.end(binary),
    'writeHead with an object': (response) => {
      response.writeHead(201, { 'Content-Type': 'text/plain', 'X-List': ['1', '2'] });
      response.end('made');
    },
    'writeHead with a flat list, repeats and case': (response) => {
      response.writeHead(201, 'Made', ['X-One', 'a', 'x-one', 'b', 'Link', '</a>', 'Link', '</b>']);
      response.end('made');
    },
    'writeHead over setHeader': (response) => {
      response.setHeader('X-A', 'old');
      response.setHeader('X-B', 'kept');
      response.writeHead(202, { 'x-a': 'new' });
      response.end('merged');
    },
    chunks: (response) => {
      response.write('one ');
      response.write(Buffer.from('two '));
      response.end('three');
    },
    'chunks with Content-Length': (response) => {
      response.setHeader('Content-Length', 13);
      response.write('one ');
      response.write('two ');
      response.write('three');
      response.end();
    },
    'one chunk that completes Content-Length, ended later': (response) => {
      response.writeHead(200, { 'content-length': 3 });
      response.write('abc', () => response.end());
    },
    'flushHeaders first': (response) => {
      response.flushHeaders();
      response.end('later');
    },
    '204': (response) => {
      response.statusCode = 204;
      response.end();
    },
    '205': (response) => {
      response.statusCode = 205;
      response.end();
    },
    'a redirect': (response) => {
      response.writeHead(303, { Location: '/orders/1', ETag: '"1"', 'Cache-Control': 'no-cache' });
      response.end();
    },
    'a 404': (response) => {
      response.statusCode = 404;
      response.end('nothing');
    },
    'a piped file': (response) => createReadStream(here, { highWaterMark: 512 }).pipe(response),
    'a pipeline': (response) => pipeline(createReadStream(here, { highWaterMark: 512 }), response),
    'pipeline with Content-Length': async (response) => {
      response.setHeader('Content-Length', binary.length);
      await pipeline(async function* () {
        for (let at = 0; at < binary.length; at += 9000) yield binary.subarray(at, at + 9000);
      }, response);
    },
    'a buffer that is used again': (response) => {
      const buffer = Buffer.from('aaaa');
      response.write(buffer);
      setImmediate(() => {
        buffer.fill('b');
        response.end(buffer);
      });
    },
  };

  it.each(Object.entries(cases))('%s', async (_, handler) => {
    const { port, runs } = await start((__, response) => handler(response));
    const first = await send(port, { key: 'k' });
    const again = await send(port, { key: '"k"' });
    expectReplay(first, again);
    expect(runs()).toBe(1);
  });

  it.each(Object.entries(cases))('%s, asynchronous store', async (_, handler) => {
    const { port, runs } = await start((__, response) => handler(response), { store: slow(memory()) });
    const first = await send(port, { key: 'k' });
    expectReplay(first, await send(port, { key: 'k' }));
    expect(runs()).toBe(1);
  });

  it.each(Object.entries(cases))('%s: the first answer is what it is without us', async (_, handler) => {
    const { port } = await start((__, response) => handler(response));
    const bare = await serve((__, response) => void handler(response));
    const [plain, taped] = [await send(bare, {}), await send(port, { key: 'k' })];
    expect(taped.lines.filter(([name]) => name !== 'date')).toEqual(plain.lines.filter(([name]) => name !== 'date'));
    expect(taped.body.equals(plain.body)).toBe(true);
    expect(taped.whole).toBe(plain.whole);
  });
});

describe('what a handler sees', () => {
  it('can read the body after us, however it does', async () => {
    const readers: Record<string, (request: IncomingMessage) => Promise<string>> = {
      '/iterate': textOf,
      '/data': (request) =>
        new Promise((resolve) => {
          let text = '';
          request.setEncoding('utf8');
          request.on('data', (chunk: string) => (text += chunk));
          request.on('end', () => resolve(text));
        }),
      '/later': async (request) => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        return textOf(request);
      },
    };
    const { port } = await start(async (request, response) => {
      const text = await readers[request.url ?? '']?.(request);
      response.end(
        createHash('sha256')
          .update(text ?? '')
          .digest('hex'),
      );
    });
    for (const path of Object.keys(readers)) {
      for (const size of [0, 1, 300, 100_000, 1_500_000]) {
        const body = 'é'.repeat(size / 2);
        const reply = await send(port, { path, key: `${path}-${size}`, body });
        expect(reply.body.toString(), `${path} ${size}`).toBe(createHash('sha256').update(body).digest('hex'));
      }
    }
  });

  it('can read a body that had arrived before the scope was known', async () => {
    const { port } = await start(async (request, response) => response.end(await textOf(request)), {
      maxResponseBytes: 2_000_000,
      scope: async () => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        return 'late';
      },
    });
    for (const size of [0, 1, 300, 100_000, 1_500_000]) {
      const body = 'x'.repeat(size);
      const first = await send(port, { key: `k${size}`, body });
      expect(first.body.toString()).toBe(body);
      expectReplay(first, await send(port, { key: `k${size}`, body }));
    }
  });

  it('sees a head that was sent, also while it is held back', async () => {
    const seen: unknown[] = [];
    const { port } = await start(
      (_, response) => {
        seen.push(response.headersSent);
        response.writeHead(200, { 'x-a': '1' });
        seen.push(response.headersSent);
        expect(() => response.writeHead(201)).toThrow(/headers/i);
        response.end('x');
        seen.push(response.headersSent, response.writableEnded);
        response.end('y');
      },
      { store: slow(memory()) },
    );
    expect((await send(port, { key: 'k' })).body.toString()).toBe('x');
    expect(seen).toEqual([false, true, true, true]);
  });

  it('gets the error for a header that cannot be sent where it would get it', async () => {
    const { port } = await start((_, response) => {
      expect(() => response.writeHead(200, { 'x-a': 'a\r\nb' })).toThrow(/Invalid character/);
      response.end('fine');
    });
    expect((await send(port, { key: 'k' })).body.toString()).toBe('fine');
  });

  it('loses the marker that it sets itself, on every way', async () => {
    for (const set of [
      (response: ServerResponse) => response.setHeader('Idempotent-Replayed', 'true'),
      (response: ServerResponse) => response.writeHead(200, { 'idempotent-replayed': 'true', 'x-a': '1' }),
      (response: ServerResponse) => response.writeHead(200, ['IDEMPOTENT-REPLAYED', 'true', 'x-a', '1']),
    ]) {
      const { port } = await start((_, response) => {
        set(response);
        response.end('x');
      });
      const first = await send(port, { key: 'k' });
      expect(first.header('idempotent-replayed')).toBeUndefined();
      expect((await send(port, { key: 'k' })).all('idempotent-replayed')).toEqual(['true']);
    }
  });

  it('has its work, and its steps', async () => {
    const { port } = await start(async (_, response) => {
      const work = currentWork();
      response.end(`${work?.attempt} ${work?.key('charge').length}`);
    });
    expect((await send(port, { key: 'k' })).body.toString()).toBe('1 43');
  });

  it('may ask itself with the same key and is not blocked (rule 16)', async () => {
    const store = memory();
    const entry = idempotency({ store, scope: 'public' });
    const inner = entry((_, response) => response.end('inner'));
    const port = await serve(entry((request, response) => inner(request, response)) as () => void);
    expect((await send(port, { key: 'k' })).body.toString()).toBe('inner');
    expect((await send(port, { key: 'k' })).body.toString()).toBe('inner');
  });
});

describe('who is let through', () => {
  it('refuses a body over the cap and closes, declared or not', async () => {
    const { port, runs } = await start((_, response) => response.end(), { maxRequestBytes: 1000 });
    expect((await send(port, { key: 'a', body: 'x'.repeat(1000) })).status).toBe(200);
    const declared = await send(port, { key: 'b', body: 'x'.repeat(1001) });
    expect(declared.status).toBe(413);
    expect(declared.header('connection')).toBe('close');
    const chunked = await exchange(port, (socket) => {
      socket.write('POST / HTTP/1.1\r\nHost: t\r\nIdempotency-Key: c\r\nTransfer-Encoding: chunked\r\n\r\n');
      socket.write(`800\r\n${'x'.repeat(2048)}\r\n`);
    });
    expect(chunked.status).toBe(413);
    expect(runs()).toBe(1);
  });
});

describe('what is kept', () => {
  it.each([
    [
      'thrown',
      () => {
        throw new Error('boom');
      },
    ],
    [
      'rejected',
      async () => {
        throw new Error('boom');
      },
    ],
  ])('answers and keeps what was %s', async (_, handler) => {
    const errors: unknown[] = [];
    const { port, runs } = await start(handler, { onWorkError: (error) => errors.push(error) });
    const first = await send(port, { key: 'k' });
    expect(first.status).toBe(500);
    expect(JSON.parse(first.body.toString())).toMatchObject({ code: 'idempotency_work_failed', advice: 'stop' });
    expectReplay(first, await send(port, { key: 'k' }));
    expect(runs()).toBe(1);
    expect(errors).toMatchObject([{ message: 'boom' }]);
  });
});

describe('clients that leave', () => {
  it('find the whole outcome of a handler that goes on writing', async () => {
    const finished = gate();
    const { port, runs } = await start(async (request, response) => {
      response.write('one ');
      await once(request.socket, 'close');
      response.write('two ');
      response.end('three');
      finished.open();
    });
    await leave(port);
    await finished.opened;
    const again = await send(port, { key: 'k' });
    expect(again.body.toString()).toBe('one two three');
    expect(runs()).toBe(1);
  });

  it('find a tombstone where a piped source stopped with them', async () => {
    const { port, runs } = await start((_, response) => {
      createReadStream('/dev/zero').pipe(response);
    });
    await leave(port);
    const again = await until(port, ({ status }) => status !== 409 || true);
    expect(again.status).toBe(409);
    await expect.poll(async () => code(await send(port, { key: 'k' }))).toBe('idempotency_outcome_not_kept');
    expect(runs()).toBe(1);
  });

  it('find a tombstone where a source was piped after they had left and was destroyed', async () => {
    const { port } = await start(async (request, response) => {
      await once(request.socket, 'close');
      const source = createReadStream(here);
      source.pipe(response);
      source.destroy();
    });
    await leave(port, false);
    await expect.poll(async () => code(await send(port, { key: 'k' }))).toBe('idempotency_outcome_not_kept');
  });

  it('find the whole file where it was piped after they had left', async () => {
    const { port } = await start(async (request, response) => {
      await once(request.socket, 'close');
      createReadStream(here).pipe(response);
    });
    await leave(port, false);
    await expect.poll(async () => (await send(port, { key: 'k' })).header('idempotent-replayed')).toBe('true');
  });

  it('find a tombstone where the handler destroyed its answer', async () => {
    const { port, runs } = await start((_, response) => {
      response.write('half');
      response.destroy();
    });
    expect((await send(port, { key: 'k' })).whole).toBe(false);
    expect(code(await send(port, { key: 'k' }))).toBe('idempotency_outcome_not_kept');
    expect(runs()).toBe(1);
  });

  function code(reply: Reply): string {
    return (JSON.parse(reply.body.toString() || '{}') as { code: string }).code;
  }

  async function until(port: number, good: (reply: Reply) => boolean): Promise<Reply> {
    for (;;) {
      const reply = await send(port, { key: 'k' });
      if (good(reply)) return reply;
    }
  }

  /** Sends a request, waits for the first bytes of its answer if there are to be any, and leaves. */
  async function leave(port: number, begun = true): Promise<void> {
    await new Promise<void>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.write(requestBytes({ key: 'k' }));
        if (!begun) setTimeout(() => socket.destroy(), 30);
      });
      socket.on('data', () => socket.destroy());
      socket.on('close', () => resolve());
    });
  }
});

describe('an owner that lost its lease', () => {
  it('answers as a duplicate would when nothing was sent', async () => {
    const store = memory();
    const { port } = await start(
      (_, response) => {
        response.setHeader('X-Mine', '1');
        response.writeHead(201, { 'X-Also-Mine': '1' });
        response.end('stale');
      },
      { store: { ...store, complete: () => ({ kind: 'lost' }) } },
    );
    const reply = await send(port, { key: 'k' });
    expect(reply.status).toBe(409);
    expect(reply.body.toString()).toContain('idempotency_in_progress');
    expect(reply.lines.map(([name]) => name)).not.toContain('x-mine');
    expect(reply.lines.map(([name]) => name)).not.toContain('x-also-mine');
  });
});

describe('two protections on one way', () => {
  const cases: Record<string, (response: ServerResponse) => unknown> = {
    'a whole answer': (response) => response.writeHead(201, { 'x-a': '1' }).end('whole'),
    chunks: (response) => {
      response.write('one ');
      setImmediate(() => response.end('two'));
    },
    'chunks with Content-Length': (response) => {
      response.setHeader('Content-Length', 7);
      response.write('one ');
      response.write('two');
      response.end();
    },
    'a piped file': (response) => createReadStream(here, { highWaterMark: 512 }).pipe(response),
    'a head sent early': (response) => {
      response.flushHeaders();
      setImmediate(() => response.end('late'));
    },
  };

  it.each(
    Object.entries(cases).flatMap(([name, handler]) => [
      [name, handler, memory()] as const,
      [`${name}, asynchronous store`, handler, slow(memory())] as const,
    ]),
  )('each keeps its own record of %s', async (_, handler, store) => {
    const around = idempotency({ store, scope: 'public', operation: 'outer' });
    const within = idempotency({ store, scope: 'public', operation: 'inner' });
    const bare = await serve((__, response) => void handler(response));
    let runs = 0;
    const inner = within((__, response) => {
      runs++;
      return handler(response);
    });
    const both = await serve(around(inner) as () => void);
    const alone = await serve(inner as () => void);
    const first = await send(both, { key: 'k' });
    const plain = await send(bare, {});
    expect([first.status, first.whole, first.body.equals(plain.body)]).toEqual([plain.status, true, true]);
    expectReplay(first, await send(both, { key: 'k' }));
    expectReplay(first, await send(alone, { key: 'k' }));
    expect(runs).toBe(1);
  });

  it('find a tombstone each where the handler destroyed its answer', async () => {
    const store = memory();
    const within = idempotency({ store, scope: 'public', operation: 'inner' });
    const inner = within((_, response) => {
      response.write('half');
      response.destroy();
    });
    const both = await serve(idempotency({ store, scope: 'public', operation: 'outer' })(inner) as () => void);
    const alone = await serve(inner as () => void);
    await send(both, { key: 'k' });
    for (const port of [both, alone]) {
      expect((await send(port, { key: 'k' })).body.toString()).toContain('idempotency_outcome_not_kept');
    }
  });
});

describe('observing', () => {
  it('never refuses, never changes an answer, and tells what it saw', async () => {
    const events: OnceEvent[] = [];
    const { port, runs } = await start((_, response) => response.end('ran'), {
      mode: 'observe',
      maxRequestBytes: 100,
      onEvent: (event) => events.push(event),
    });
    for (const sent of [
      { key: 'k', body: 'a' },
      { key: 'k', body: 'a' },
      { key: 'k', body: 'b' },
      { key: 'bad key' },
      { key: 'l', body: 'x'.repeat(200) },
    ]) {
      const reply = await send(port, sent);
      expect([reply.status, reply.body.toString()]).toEqual([200, 'ran']);
      expect(reply.header('idempotent-replayed')).toBeUndefined();
    }
    expect(runs()).toBe(5);
    expect(events.map(({ kind }) => kind)).toEqual(['granted', 'completed', 'replayed', 'conflict']);
  });

  it.each([
    [
      'throws',
      (): never => {
        throw new Error('observer broke');
      },
    ],
    ['rejects', () => Promise.reject(new Error('observer broke')) as never],
  ])('an observer that %s changes no answer and becomes a process warning', async (_what, onEvent) => {
    const warned = vi.spyOn(process, 'emitWarning').mockReturnValue();
    const broken = (): never => {
      throw new Error('store broke');
    };
    const { port } = await start((_, response) => response.end('ran'), { onEvent });
    const down = await start((_, response) => response.end('ran'), {
      onEvent,
      storeDown: 'pass',
      store: { ...memory(), claim: broken },
    });
    for (const to of [port, port, down.port]) expect((await send(to, { key: 'k' })).body.toString()).toBe('ran');
    expect(warned).toHaveBeenCalledWith(new Error('observer broke'));
    expect(warned.mock.calls.length).toBeGreaterThan(4);
    warned.mockRestore();
  });
});

/** The same store, but every call answers later. */
function slow(store: Store): Store {
  const later = async <T>(call: () => T): Promise<Awaited<T>> => {
    await new Promise((resolve) => setTimeout(resolve, 2));
    return await call();
  };
  return {
    ...store,
    claim: (ask) => later(() => store.claim(ask)),
    complete: (ask) => later(() => store.complete(ask)),
    release: (id, token, keepMs) => later(() => store.release(id, token, keepMs)),
    read: (id) => later(() => store.read(id)),
  };
}
