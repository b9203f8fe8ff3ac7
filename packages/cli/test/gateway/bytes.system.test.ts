/**
 * Bytes through the gateway, seen on the wire: what upstream says passes untouched and at
 * once, what the client says arrives as it was said, and a replay is the first answer to
 * the byte (I4), whatever it is made of.
 */
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGateway, type GatewayProcess } from '../support/program.ts';
import { startSocketUpstream, startUpstream, type Act, type Upstream } from '../support/upstream.ts';
import { ask, exchange, parseAnswer, requestText, Wire } from '../support/wire.ts';

/** Pseudo-random bytes, the same in every run. */
function noise(length: number): Buffer {
  const blocks = Array.from({ length: Math.ceil(length / 32) }, (_none, index) =>
    createHash('sha256').update(String(index)).digest(),
  );
  return Buffer.concat(blocks).subarray(0, length);
}

const zipped = gzipSync('compressed by upstream and by nobody else');

const paths: Readonly<Record<string, Act>> = {
  '/binary': (_call, response) => void response.writeHead(200, { 'Content-Length': 100_000 }).end(noise(100_000)),
  '/chunks': (_call, response) => {
    response.writeHead(200, { 'Content-Type': 'application/octet-stream' });
    for (let part = 0; part < 20; part += 1) response.write(noise(1000 + part));
    response.end();
  },
  '/empty': (_call, response) => void response.writeHead(200, { 'Content-Length': 0 }).end(),
  '/empty-chunks': (_call, response) => {
    response.writeHead(200).flushHeaders();
    response.end();
  },
  '/nothing': (_call, response) => void response.writeHead(204).end(),
  '/lines': (_call, response) =>
    void response
      .writeHead(200, 'Very Well', [
        'X-Many',
        'one',
        'Link',
        '<a>',
        'x-many',
        'two',
        'Link',
        '<b>',
        'X-Odd',
        'caf\u00e9',
        'X-Empty',
        '',
      ])
      .end('x'),
  '/zip': (_call, response) => void response.writeHead(200, { 'Content-Encoding': 'gzip' }).end(zipped),
  '/hop': (_call, response) =>
    void response
      .writeHead(200, ['Connection', 'close, X-Hop', 'X-Hop', 'secret', 'Proxy-Connection', 'x', 'X-Stays', 'here'])
      .end('x'),
  '/redirect': (_call, response) => void response.writeHead(302, { Location: '/elsewhere' }).end(),
  '/marker': (_call, response) => void response.writeHead(200, { 'Idempotent-Replayed': 'true' }).end('mine'),
  '/cached': (_call, response) => void response.writeHead(304, { ETag: '"1"' }).end(),
  '/early': (_call, response) => {
    response.writeEarlyHints({ link: '</style.css>; rel=preload' });
    response.writeHead(200).end('x');
  },
};

let upstream: Upstream;
let gateway: GatewayProcess;
let lastKey = 0;

beforeAll(async () => {
  upstream = await startUpstream((call, response, count) => {
    const act = paths[call.target.split('?')[0] ?? ''];
    if (act !== undefined) return act(call, response, count);
    response.writeHead(200).end(call.target);
  });
  gateway = await startGateway(['--upstream', upstream.url, '--store', 'memory:']);
});

afterAll(async () => {
  await gateway.kill();
  await upstream.close();
});

function keyed(): [string, string][] {
  lastKey += 1;
  return [
    ['Idempotency-Key', `bytes-${lastKey}`],
    ['Authorization', 'me'],
  ];
}

function linesWithout(lines: readonly (readonly [string, string])[], names: RegExp): (readonly [string, string])[] {
  return lines.filter(([name]) => !names.test(name));
}

const ofOneAnswer = /^(date|connection|keep-alive|transfer-encoding|content-length|idempotent-replayed)$/i;

describe('a replay is the first answer', () => {
  it.each(Object.keys(paths).filter((path) => !['/cached', '/marker', '/early'].includes(path)))('%s', async (path) => {
    const headers = keyed();
    const direct = await ask(upstream.port, 'POST', path, [], 'x');
    const first = await ask(gateway.port, 'POST', path, headers, 'x');
    const replay = await ask(gateway.port, 'POST', path, headers, 'x');
    for (const answer of [first, replay]) {
      expect([answer.status, answer.whole]).toEqual([direct.status, true]);
      expect(answer.body.equals(direct.body)).toBe(true);
    }
    expect(linesWithout(replay.lines, ofOneAnswer)).toEqual(linesWithout(first.lines, ofOneAnswer));
    expect(replay.header('idempotent-replayed')).toEqual(['true']);
  });

  it('a marker that upstream sets itself is taken out of the live answer', async () => {
    const headers = keyed();
    expect((await ask(gateway.port, 'POST', '/marker', headers, 'x')).header('idempotent-replayed')).toEqual([]);
    expect((await ask(gateway.port, 'POST', '/marker', headers, 'x')).header('idempotent-replayed')).toEqual(['true']);
  });

  it('releases a 304, passes early hints over', async () => {
    const headers = keyed();
    await ask(gateway.port, 'POST', '/cached', headers, 'x');
    const again = await ask(gateway.port, 'POST', '/cached', headers, 'x');
    expect([again.status, again.header('idempotent-replayed')]).toEqual([304, []]);
    expect((await ask(gateway.port, 'POST', '/early', keyed(), 'x')).status).toBe(200);
  });
});

describe('what upstream says', () => {
  it('passes line by line, with its own reason phrase', async () => {
    const direct = await ask(upstream.port, 'POST', '/lines', [], 'x');
    const first = await ask(gateway.port, 'POST', '/lines', keyed(), 'x');
    expect(linesWithout(first.lines, ofOneAnswer)).toEqual(linesWithout(direct.lines, ofOneAnswer));
    const bytes = await exchange(gateway.port, requestText('POST', '/lines', keyed(), 'x'));
    expect(bytes.toString('latin1')).toMatch(/^HTTP\/1\.1 200 Very Well\r\n/);
  });

  it('keeps to its own hop what is meant for it', async () => {
    const answer = await ask(gateway.port, 'POST', '/hop', keyed(), 'x');
    expect(answer.header('x-hop')).toEqual([]);
    expect(answer.header('proxy-connection')).toEqual([]);
    expect(answer.header('x-stays')).toEqual(['here']);
  });

  it('comes at once, chunk by chunk, while the request is owned', async () => {
    let say: (text: string) => void = () => undefined;
    let end: () => void = () => undefined;
    const events = await startUpstream((_call, response) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' }).flushHeaders();
      say = (text) => response.write(`data: ${text}\n\n`);
      end = () => response.end();
    });
    const streaming = await startGateway(['--upstream', events.url, '--store', 'memory:']);
    try {
      const headers = keyed();
      const wire = new Wire(streaming.port);
      wire.send(requestText('POST', '/', headers, 'x'));
      expect(await wire.until((seen) => seen.includes('\r\n\r\n'))).toContain('text/event-stream');
      for (const text of ['one', 'two', 'three']) {
        say(text);
        expect(await wire.until((seen) => seen.includes(`data: ${text}\n\n`))).toContain(text);
      }
      expect(wire.seen.toString('latin1')).not.toContain('\r\n0\r\n\r\n');
      end();
      await wire.until((seen) => seen.endsWith('\r\n0\r\n\r\n'));
      const again = await ask(streaming.port, 'POST', '/', headers, 'x');
      expect(again.status).toBe(409);
      expect(again.body.toString()).toContain('idempotency_outcome_not_kept');
    } finally {
      await streaming.kill();
      await events.close();
    }
  });

  it('answers HEAD without a body and keeps its length', async () => {
    const answer = await ask(gateway.port, 'HEAD', '/binary', keyed());
    expect([answer.status, answer.header('content-length'), answer.body.length]).toEqual([200, ['100000'], 0]);
  });
});

describe('what the client says', () => {
  it('reaches upstream line by line, with where it came from added', async () => {
    const lines: [string, string][] = [
      ['X-Many', 'one'],
      ['x-many', 'two'],
      ['X-Odd', 'caf\u00e9'],
      ['X-Forwarded-For', '198.51.100.7'],
      ['X-Hop', 'secret'],
      ['TE', 'trailers'],
      ['Via', '1.1 edge'],
    ];
    const text = requestText('POST', '/orders', [...lines, ...keyed()], 'x').toString('latin1');
    await exchange(gateway.port, text.replace('Connection: close', 'Connection: close, x-hop'));
    const call = upstream.calls.at(-1);
    const raw = call?.rawHeaders ?? [];
    const at = raw.indexOf('X-Many');
    expect(raw.slice(at, at + 6)).toEqual(['X-Many', 'one', 'x-many', 'two', 'X-Odd', 'caf\u00e9']);
    expect(call?.headers).toMatchObject({
      host: `127.0.0.1:${upstream.port}`,
      'x-forwarded-host': 'gateway.test',
      'x-forwarded-proto': 'http',
      'x-forwarded-for': '198.51.100.7, 127.0.0.1',
      via: '1.1 edge, 1.1 oncekey',
      'idempotency-key': `bytes-${lastKey}`,
    });
    for (const name of ['x-hop', 'te']) expect(call?.headers[name]).toBeUndefined();
  });

  it.each(['/', '//double//slash', '/a/../b', '/%2e%2e/%00?a=%zz&&b', '/?', '/a?b?c', '/x;y=1,2'])(
    'target %s goes up unchanged',
    async (target) => {
      expect((await ask(gateway.port, 'GET', target)).status).toBe(200);
      expect(upstream.calls.at(-1)?.target).toBe(target);
      expect((await ask(gateway.port, 'GET', `http://gateway.test${target}`)).status).toBe(200);
      expect(upstream.calls.at(-1)?.target).toBe(target);
    },
  );

  it('a target without a path is refused in words', async () => {
    const before = upstream.heads();
    const answer = await ask(gateway.port, 'OPTIONS', '*');
    expect([answer.status, answer.header('content-type')]).toEqual([400, ['application/problem+json']]);
    expect((await exchange(gateway.port, 'CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n')).toString()).toMatch(
      /^HTTP\/1.1 405 /,
    );
    expect(upstream.heads()).toBe(before);
  });

  it('streams through when no key protects it, before it is whole', async () => {
    let arrived: (text: string) => void = () => undefined;
    const first = new Promise<string>((resolve) => (arrived = resolve));
    const { createServer } = await import('node:http');
    const server = createServer((request, response) => {
      request.once('data', (chunk: Buffer) => {
        arrived(chunk.toString());
        request.resume().on('end', () => response.end('done'));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const streaming = await startGateway(['--upstream', `http://127.0.0.1:${port}`, '--store', 'memory:']);
    try {
      const wire = new Wire(streaming.port);
      wire.send('POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n');
      expect(await first).toBe('half');
      wire.send('4\r\nrest\r\n0\r\n\r\n');
      expect(parseAnswer(Buffer.from(await wire.until((seen) => seen.endsWith('0\r\n\r\n')), 'latin1')).status).toBe(
        200,
      );
    } finally {
      await streaming.kill();
      server.closeAllConnections();
      server.close();
    }
  });

  it('hears 100 before a body that is wanted, and the refusal before one that is not', async () => {
    const head = 'POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 1\r\n';
    const wanted = new Wire(gateway.port);
    wanted.send(`${head}Authorization: me\r\nIdempotency-Key: expect-1\r\n\r\n`);
    expect(await wanted.until((seen) => seen.includes('\r\n\r\n'))).toMatch(/^HTTP\/1.1 100 /);
    wanted.send('x');
    expect(await wanted.until((seen) => /200 OK/.test(seen))).toContain('200 OK');
    const unwanted = new Wire(gateway.port);
    unwanted.send(`${head}Idempotency-Key: expect-2\r\n\r\n`);
    expect(await unwanted.until((seen) => seen.includes('\r\n\r\n'))).toMatch(/^HTTP\/1.1 400 /);
    const passing = new Wire(gateway.port);
    passing.send(`${head}\r\n`);
    expect(await passing.until((seen) => seen.includes('\r\n\r\n'))).toMatch(/^HTTP\/1.1 100 /);
    passing.send('x');
    expect(await passing.until((seen) => /200 OK/.test(seen))).toContain('200 OK');
    for (const wire of [wanted, unwanted, passing]) wire.end();
    expect(upstream.calls.at(-1)?.headers['expect']).toBeUndefined();
  });

  it('may be pipelined: each request is answered, in order', async () => {
    const text = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
    const last = requestText('GET', '/third').toString('latin1');
    const seen = (await exchange(gateway.port, text('/first') + text('/second') + last)).toString('latin1');
    const order = ['/first', '/second', '/third'].map((path) => seen.indexOf(path));
    expect(order).toEqual([...order].sort((one, other) => one - other));
    expect(Math.min(...order)).toBeGreaterThan(0);
  });
});

describe('upgrades', () => {
  it('tunnels a WebSocket both ways', async () => {
    const far = await startSocketUpstream((socket, request) => {
      expect(request).toMatch(/^GET \/chat HTTP\/1\.1\r\n/);
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello');
      socket.removeAllListeners('data');
      socket.on('data', (chunk) => socket.write(chunk.toString('latin1').toUpperCase()));
    });
    const tunnelling = await startGateway(['--upstream', far.url, '--store', 'memory:']);
    try {
      const wire = new Wire(tunnelling.port);
      wire.send('GET /chat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
      expect(await wire.until((seen) => seen.endsWith('hello'))).toMatch(/^HTTP\/1.1 101 [^]*upgrade: websocket/i);
      wire.send('ping');
      expect(await wire.until((seen) => seen.endsWith('PING'))).toContain('PING');
      wire.end();
    } finally {
      await tunnelling.kill();
      await far.close();
    }
  });

  it('passes on a refused one', async () => {
    const text = 'GET /plain HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
    const answer = parseAnswer(await exchange(gateway.port, text));
    expect([answer.status, answer.body.toString()]).toEqual([200, '/plain']);
  });

  it.each(['h2c', 'websocket', 'anything'])('takes a keyed POST that offers %s for what it is', async (protocol) => {
    const headers: [string, string][] = [
      ...keyed(),
      ['Upgrade', protocol],
      ['HTTP2-Settings', 'AAMAAABkAAQCAAAAAAIAAAAA'],
    ];
    const before = upstream.calls.length;
    for (const connection of ['Upgrade, HTTP2-Settings', 'close', 'close, Upgrade, HTTP2-Settings']) {
      const text = requestText('POST', '/zip', headers, 'x').toString('latin1');
      const wire = new Wire(gateway.port);
      wire.send(text.replace('Connection: close', `Connection: ${connection}`));
      const seen = await wire.until((bytes) => bytes.includes(zipped.toString('latin1')));
      wire.end();
      expect(seen).toMatch(/^HTTP\/1.1 200 /);
    }
    expect(upstream.calls.length).toBe(before + 1);
    expect(upstream.calls.at(-1)?.headers['upgrade']).toBeUndefined();
  });
});
