/**
 * RELIABILITY check 15: framing that two parsers might read differently, and requests that
 * cost more to take than to send, are refused or bounded in time and memory; upstream sees
 * nothing of a refused request.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGateway as startInside } from '../../src/gateway/run.ts';
import { serviceLimits } from '../../src/gateway/server.ts';
import { settle } from '../../src/gateway/settings.ts';
import { startGateway, type GatewayProcess } from '../support/program.ts';
import { startUpstream, type Upstream } from '../support/upstream.ts';
import { ask, exchange, requestText, Wire } from '../support/wire.ts';

let upstream: Upstream;
let gateway: GatewayProcess;
let lastKey = 0;

beforeAll(async () => {
  upstream = await startUpstream((call, response) => void response.writeHead(200).end(String(call.body.length)));
  gateway = await startGateway(['--upstream', upstream.url, '--store', 'memory:']);
});

afterAll(async () => {
  await gateway.kill();
  await upstream.close();
});

function keyed(): [string, string][] {
  lastKey += 1;
  return [
    ['Idempotency-Key', `hostile-${lastKey}`],
    ['Authorization', 'me'],
  ];
}

const start = 'POST /orders HTTP/1.1\r\nHost: x\r\nIdempotency-Key: k\r\nAuthorization: me\r\n';
const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n';

const refused: readonly [what: string, bytes: string][] = [
  [
    'Transfer-Encoding and Content-Length',
    `${start}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
  ],
  [
    'Content-Length and Transfer-Encoding',
    `${start}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n${smuggled}`,
  ],
  ['two different Content-Lengths', `${start}Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde`],
  ['the same Content-Length twice', `${start}Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd`],
  ['a list of Content-Lengths', `${start}Content-Length: 4, 4\r\n\r\nabcd`],
  ['a signed Content-Length', `${start}Content-Length: +4\r\n\r\nabcd`],
  ['a negative Content-Length', `${start}Content-Length: -4\r\n\r\nabcd`],
  ['a hexadecimal Content-Length', `${start}Content-Length: 0x4\r\n\r\nabcd`],
  ['an endless Content-Length', `${start}Content-Length: ${'9'.repeat(40)}\r\n\r\nabcd`],
  ['a space before the colon', `${start}Content-Length : 4\r\n\r\nabcd`],
  ['a space before the colon of Transfer-Encoding', `${start}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`],
  ['a folded first line', `POST / HTTP/1.1\r\n Host: x\r\n${start.slice(start.indexOf('\r\n') + 2)}\r\n`],
  ['an unknown Transfer-Encoding', `${start}Transfer-Encoding: chunkedish\r\n\r\n0\r\n\r\n`],
  ['chunked not last', `${start}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`],
  ['a chunk size that is none', `${start}Transfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n0\r\n\r\n`],
  ['an endless chunk size', `${start}Transfer-Encoding: chunked\r\n\r\n${'f'.repeat(20)}\r\nab\r\n0\r\n\r\n`],
  ['a chunk longer than it says', `${start}Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n`],
  ['endless chunk extensions', `${start}Transfer-Encoding: chunked\r\n\r\n1;${'x'.repeat(100_000)}\r\na\r\n0\r\n\r\n`],
  ['a bare LF in the head', `${start}X: y\nContent-Length: 4\r\n\r\nabcd`],
  ['a bare CR in a value', `${start}X: y\rContent-Length: 4\r\n\r\n`],
  ['NUL in a value', `${start}X: a\0b\r\n\r\n`],
  ['a name with a space', `${start}X Y: z\r\n\r\n`],
  ['a name with a control character', `${start}X\u0001: z\r\n\r\n`],
  ['an empty name', `${start}: z\r\n\r\n`],
  ['no Host', 'POST /orders HTTP/1.1\r\nContent-Length: 0\r\n\r\n'],
  ['two Hosts', `${start}Host: y\r\nContent-Length: 0\r\n\r\n`],
  ['a space in the target', 'POST /a b HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['another version', 'POST / HTTP/9.9\r\nHost: x\r\n\r\n'],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['an unknown method', 'SMUGGLE / HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['a target without end', `GET /${'a'.repeat(100_000)} HTTP/1.1\r\nHost: x\r\n\r\n`],
  [
    'ten thousand headers',
    `${start}${Array.from({ length: 10_000 }, (_none, index) => `x${index}: y\r\n`).join('')}\r\n`,
  ],
  ['one endless header', `${start}X: ${'y'.repeat(100_000)}\r\n\r\n`],
];

describe('refused, and upstream hears nothing', () => {
  it.each(refused)('%s', async (_what, bytes) => {
    const before = upstream.heads();
    const seen = (await exchange(gateway.port, bytes)).toString('latin1');
    expect(seen).toMatch(/^HTTP\/1\.1 4\d\d /);
    expect(seen.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    expect(upstream.heads()).toBe(before);
  });

  it('ten thousand headers are told as such, and many small ones all arrive', async () => {
    const many = (count: number): [string, string][] =>
      Array.from({ length: count }, (_none, index) => [`x${index}`, 'y']);
    expect((await ask(gateway.port, 'GET', '/', many(10_000))).status).toBe(431);
    expect((await ask(gateway.port, 'GET', '/', many(2500))).status).toBe(200);
    expect(upstream.calls.at(-1)?.rawHeaders.filter((name) => /^x\d+$/.test(name))).toHaveLength(2500);
  });
});

describe('taken, with one meaning', () => {
  it('small chunk extensions and trailers are dropped', async () => {
    const bytes = `${start.replace('Key: k', 'Key: ext')}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nX-Trailer: y\r\n\r\n`;
    expect((await exchange(gateway.port, bytes)).toString('latin1')).toMatch(/^HTTP\/1\.1 200 /);
    expect(upstream.calls.at(-1)).toMatchObject({ body: Buffer.from('abc') });
    expect(upstream.calls.at(-1)?.rawHeaders.join()).not.toMatch(/trailer/i);
  });

  it('a folded value becomes one line or is refused; it never hides another field', async () => {
    const bytes = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Folded: a\r\n\tContent-Length: 4\r\n\r\n';
    const seen = (await exchange(gateway.port, bytes)).toString('latin1');
    const { 'x-folded': folded, 'content-length': length } = upstream.calls.at(-1)?.headers ?? {};
    const what = seen.startsWith('HTTP/1.1 4') ? 'refused' : `${String(folded)} and ${String(length)}`;
    expect(what.replaceAll(/\s+/g, ' ')).toMatch(/^(refused|a ?Content-Length: 4 and undefined)$/);
  });

  it('a gzip bomb stays zipped, both ways', async () => {
    const bomb = gzipSync(Buffer.alloc(50_000_000));
    const headers: [string, string][] = [...keyed(), ['Content-Encoding', 'gzip']];
    const answer = await ask(gateway.port, 'POST', '/', headers, bomb);
    expect([answer.status, answer.body.toString()]).toEqual([200, String(bomb.length)]);
    expect(upstream.calls.at(-1)?.body.equals(bomb)).toBe(true);
  });

  it('deep JSON costs no stack and little time', async () => {
    for (const depth of [7000, 500_000]) {
      const headers: [string, string][] = [...keyed(), ['Content-Type', 'application/json']];
      const body = '['.repeat(depth) + ']'.repeat(depth);
      expect((await ask(gateway.port, 'POST', '/', headers, body)).status).toBe(200);
      expect((await ask(gateway.port, 'POST', '/', headers, body)).header('idempotent-replayed')).toEqual(['true']);
    }
  });
});

/** The most memory the process has ever held, in bytes. */
function peakBytes(processId: number): number {
  const status = readFileSync(`/proc/${processId}/status`, 'utf8');
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}

describe('bounded in memory and time', () => {
  const gigabyte = 1_073_741_824;

  it('a keyed body of a gigabyte: refused when it says so, cut off when it does not', async () => {
    const before = upstream.heads();
    const seen = await exchange(gateway.port, `${start}Content-Length: ${gigabyte}\r\n\r\n`);
    expect(seen.toString('latin1')).toMatch(/^HTTP\/1\.1 413 /);
    const wire = new Wire(gateway.port);
    wire.send(`${start}Transfer-Encoding: chunked\r\n\r\n`);
    const chunk = Buffer.concat([Buffer.from('10000\r\n'), Buffer.alloc(65_536), Buffer.from('\r\n')]);
    let sent = 0;
    while (!wire.closed && sent < gigabyte) {
      sent += chunk.length;
      if (!wire.socket.write(chunk)) {
        await new Promise<void>((resolve) => {
          wire.socket.once('drain', resolve).once('close', resolve);
        });
      }
    }
    expect(wire.seen.toString('latin1')).toMatch(/^HTTP\/1\.1 413 /);
    expect(sent).toBeLessThan(50_000_000);
    expect(upstream.heads()).toBe(before);
  });

  it.runIf(process.platform === 'linux')(
    'a quarter of a gigabyte without a key streams through in little memory',
    async () => {
      let received = 0;
      const sink = createServer((request, response) => {
        request.on('data', (chunk: Buffer) => (received += chunk.length)).on('end', () => response.end('done'));
      });
      await new Promise<void>((resolve) => sink.listen(0, '127.0.0.1', resolve));
      const { port } = sink.address() as AddressInfo;
      const streaming = await startGateway(['--upstream', `http://127.0.0.1:${port}`, '--store', 'memory:']);
      try {
        const before = peakBytes(streaming.processId);
        const total = 268_435_456;
        const wire = new Wire(streaming.port);
        wire.send(`POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${total}\r\n\r\n`);
        const block = Buffer.alloc(1_048_576);
        for (let sent = 0; sent < total; sent += block.length) {
          if (!wire.socket.write(block)) await new Promise<unknown>((resolve) => wire.socket.once('drain', resolve));
        }
        expect(await wire.until((seen) => seen.includes('done'))).toMatch(/^HTTP\/1\.1 200 /);
        expect(received).toBe(total);
        expect(peakBytes(streaming.processId) - before).toBeLessThan(150_000_000);
      } finally {
        await streaming.kill();
        sink.close();
      }
    },
  );

  it('slow heads and slow bodies end with 408, and upstream hears nothing', async () => {
    const given = Object.entries({ upstream: upstream.url, listen: '127.0.0.1:0', store: 'memory:' });
    const settings = settle({
      settings: new Map(given.map(([name, text]) => [name, { source: name, texts: [text] }])),
      routes: [],
    });
    const limits = { ...serviceLimits, headMs: 300, requestMs: 5000, bodyMs: 300, checkMs: 50 };
    const inside = await startInside(settings, pino({ level: 'silent' }), limits);
    try {
      const port = Number(new URL(inside.url).port);
      const before = upstream.heads();
      const slowHead = exchange(port, 'POST / HTTP/1.1\r\nHost: x\r\nX-Slow');
      const slowBody = exchange(port, `${start}Content-Length: 100\r\n\r\nhalf`);
      expect((await slowHead).toString('latin1')).toMatch(/^HTTP\/1\.1 408 /);
      expect((await slowBody).toString('latin1')).toMatch(/^HTTP\/1\.1 408 [^]*request_timeout/);
      expect(upstream.heads()).toBe(before);
    } finally {
      await inside.end();
    }
  });

  it('a client that reads nothing is given up, and its work is recorded', async () => {
    const size = 40_000_000;
    const large = await startUpstream((_call, response) => void response.writeHead(200).end(Buffer.alloc(size)));
    const given = Object.entries({ upstream: large.url, listen: '127.0.0.1:0', store: 'memory:' });
    const settings = settle({
      settings: new Map(given.map(([name, text]) => [name, { source: name, texts: [text] }])),
      routes: [],
    });
    const inside = await startInside(settings, pino({ level: 'silent' }), { ...serviceLimits, stalledClientMs: 200 });
    try {
      const port = Number(new URL(inside.url).port);
      const headers = keyed();
      const wire = new Wire(port);
      wire.socket.pause();
      wire.send(requestText('POST', '/', headers, 'x'));
      let again = await ask(port, 'POST', '/', headers, 'x');
      while (again.body.toString().includes('idempotency_in_progress') || again.status === 200) {
        again = await ask(port, 'POST', '/', headers, 'x');
      }
      expect(again.body.toString()).toContain('idempotency_outcome_not_kept');
      expect(large.calls).toHaveLength(1);
      wire.end();
    } finally {
      await inside.end();
      await large.close();
    }
  });
});
