/**
 * Everything an upstream can do wrong, and what is left behind: not reached, released; sent
 * and unknown, kept as the outcome by --server-errors; broken half way, a tombstone and a
 * broken connection. And nothing is ever sent twice by the gateway itself.
 */
import { describe, expect, it } from 'vitest';
import { startGateway, type GatewayProcess } from '../support/program.ts';
import { untilOver } from '../support/until-over.ts';
import { deadPort, order, startSocketUpstream, startUpstream } from '../support/upstream.ts';
import { ask, exchange, requestText, Wire } from '../support/wire.ts';

async function gatewayTo(target: string, ...flags: string[]): Promise<GatewayProcess> {
  return untilOver(await startGateway(['--upstream', target, '--store', 'memory:', ...flags]));
}

const headers = [
  ['Idempotency-Key', 'k'],
  ['Authorization', 'me'],
] as const;

function answerText(status: string, body: string): string {
  return `HTTP/1.1 ${status}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

describe('an upstream that fails', () => {
  it('unreachable: 502, released', async () => {
    const port = await deadPort();
    const gateway = await gatewayTo(`http://127.0.0.1:${port}`);
    for (let round = 0; round < 2; round += 1) {
      const answer = await ask(gateway.port, 'POST', '/', headers, 'x');
      expect(answer.status).toBe(502);
      expect(answer.header('idempotent-replayed')).toEqual([]);
      expect(JSON.parse(answer.body.toString())).toMatchObject({ code: 'upstream_unreachable', retryable: true });
    }
    expect((await ask(gateway.port, 'GET', '/')).status).toBe(502);
    expect(await gateway.logged('upstream-failed')).toMatchObject({ failure: 'unsent', status: 502 });
  });

  it.each([
    ['safe', 1],
    ['store', 1],
    ['release', 2],
  ] as const)('connection lost after the request: 502, by --server-errors %s', async (policy, calls) => {
    const upstream = untilOver(await startSocketUpstream((socket) => socket.destroy()));
    const gateway = await gatewayTo(upstream.url, '--server-errors', policy);
    const first = await ask(gateway.port, 'POST', '/', headers, 'x');
    const second = await ask(gateway.port, 'POST', '/', headers, 'x');
    expect([first.status, second.status]).toEqual([502, 502]);
    expect(JSON.parse(first.body.toString())).toMatchObject({ code: 'upstream_connection_lost', retryable: false });
    expect(second.header('idempotent-replayed')).toEqual(calls === 1 ? ['true'] : []);
    expect(second.body.equals(first.body)).toBe(true);
    expect(upstream.heads()).toBe(calls);
  });

  it('timed out: 504, kept; the profile gives the format', async () => {
    const upstream = untilOver(await startSocketUpstream(() => undefined));
    const gateway = await gatewayTo(upstream.url, '--upstream-timeout-ms', '300', '--error-format', 'envelope');
    const first = await ask(gateway.port, 'POST', '/', headers, 'x');
    const second = await ask(gateway.port, 'POST', '/', headers, 'x');
    expect([first.status, second.status]).toEqual([504, 504]);
    expect(JSON.parse(first.body.toString())).toMatchObject({ success: false, error: { code: 'upstream_timeout' } });
    expect(second.header('idempotent-replayed')).toEqual(['true']);
    expect((await ask(gateway.port, 'POST', '/', [], 'x')).status).toBe(504);
    expect(upstream.heads()).toBe(2);
  });

  it.each([
    ['with a length', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome of it'],
    ['in chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\nsome of it\r\n'],
  ])('broken mid-answer %s: the connection breaks and a tombstone stays', async (_name, half) => {
    const upstream = untilOver(
      await startSocketUpstream((socket) => {
        socket.write(half);
        setTimeout(() => socket.destroy(), 50);
      }),
    );
    const gateway = await gatewayTo(upstream.url);
    const first = await ask(gateway.port, 'POST', '/', headers, 'x');
    expect([first.status, first.body.toString(), first.whole]).toEqual([200, 'some of it', false]);
    const second = await ask(gateway.port, 'POST', '/', headers, 'x');
    expect(second.status).toBe(409);
    expect(JSON.parse(second.body.toString())).toMatchObject({ code: 'idempotency_outcome_not_kept' });
    expect(upstream.heads()).toBe(1);
  });

  it('silent mid-answer: the same after the timeout', async () => {
    const upstream = untilOver(
      await startSocketUpstream((socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf')),
    );
    const gateway = await gatewayTo(upstream.url, '--upstream-timeout-ms', '300');
    const first = await ask(gateway.port, 'POST', '/', headers, 'x');
    expect([first.body.toString(), first.whole]).toEqual(['half', false]);
    expect((await ask(gateway.port, 'POST', '/', headers, 'x')).status).toBe(409);
  });

  it('speaking no HTTP, or a head without end: 502, kept', async () => {
    for (const said of [
      'nonsense\r\n\r\n',
      `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(100_000)}`,
      'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n',
    ]) {
      const upstream = untilOver(await startSocketUpstream((socket) => socket.write(said)));
      const gateway = await gatewayTo(upstream.url);
      expect((await ask(gateway.port, 'POST', '/', headers, 'x')).status).toBe(502);
      expect((await ask(gateway.port, 'POST', '/', headers, 'x')).header('idempotent-replayed')).toEqual(['true']);
      expect(upstream.heads()).toBe(1);
    }
  });

  it('slow in its body: passes as it comes and is recorded whole', async () => {
    const upstream = untilOver(
      await startUpstream((_call, response) => {
        response.writeHead(200);
        let sent = 0;
        const timer = setInterval(() => {
          sent += 1;
          if (sent <= 5) response.write(`part ${sent};`);
          else {
            clearInterval(timer);
            response.end();
          }
        }, 30);
      }),
    );
    const gateway = await gatewayTo(upstream.url);
    const first = await ask(gateway.port, 'POST', '/', headers, 'x');
    const second = await ask(gateway.port, 'POST', '/', headers, 'x');
    expect(first.body.toString()).toBe('part 1;part 2;part 3;part 4;part 5;');
    expect(second.body.equals(first.body)).toBe(true);
    expect(second.header('idempotent-replayed')).toEqual(['true']);
  });
});

describe('connections to upstream', () => {
  it('an idle one that upstream has closed is noticed, not used', async () => {
    let connections = 0;
    const upstream = untilOver(
      await startSocketUpstream((socket) => {
        connections += 1;
        // Promises to stay and does not.
        socket.write(answerText('200 OK', 'done'));
        setTimeout(() => socket.end(), 10);
      }),
    );
    const gateway = await gatewayTo(upstream.url);
    for (let round = 0; round < 5; round += 1) {
      const answer = await ask(
        gateway.port,
        'POST',
        '/',
        [
          ['Idempotency-Key', `k${round}`],
          ['Authorization', 'me'],
        ],
        'x',
      );
      expect(answer.status).toBe(200);
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
    expect(connections).toBe(5);
  });

  it('one that dies under a request: told, never sent again', async () => {
    const upstream = untilOver(
      await startSocketUpstream((socket, _request, count) => {
        if (count % 2 === 1) socket.write(answerText('200 OK', 'done'));
        else socket.destroy();
      }),
    );
    const gateway = await gatewayTo(upstream.url);
    const one = (key: string): ReturnType<typeof ask> =>
      ask(
        gateway.port,
        'POST',
        '/',
        [
          ['Idempotency-Key', key],
          ['Authorization', 'me'],
        ],
        'x',
      );
    expect((await one('a')).status).toBe(200);
    expect((await one('b')).status).toBe(502);
    expect((await one('b')).header('idempotent-replayed')).toEqual(['true']);
    expect(upstream.heads()).toBe(2);
  });

  it('are kept and used again', async () => {
    const ports = new Set<number | undefined>();
    const upstream = untilOver(
      await startUpstream((call, response, count) => {
        ports.add(response.socket?.remotePort);
        return order(call, response, count);
      }),
    );
    const gateway = await gatewayTo(upstream.url);
    for (let round = 0; round < 5; round += 1) await ask(gateway.port, 'POST', '/', [], 'x');
    expect(ports.size).toBe(1);
  });
});

describe('a client that goes away', () => {
  it('does not stop owned work, which is recorded', async () => {
    const upstream = untilOver(
      await startUpstream(async (_call, response) => {
        response.writeHead(200, { 'Content-Type': 'text/plain' });
        for (let part = 0; part < 20; part += 1) {
          response.write('x'.repeat(10_000));
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
        response.end();
      }),
    );
    const gateway = await gatewayTo(upstream.url);
    const wire = new Wire(gateway.port);
    wire.send(requestText('POST', '/', headers, 'x'));
    await wire.until((seen) => seen.includes('xxx'));
    wire.end();
    let again = await ask(gateway.port, 'POST', '/', headers, 'x');
    while (again.status === 409) again = await ask(gateway.port, 'POST', '/', headers, 'x');
    expect([again.status, again.body.length, again.header('idempotent-replayed')]).toEqual([200, 200_000, ['true']]);
    expect(upstream.calls).toHaveLength(1);
  });

  it('ends what nobody owns', async () => {
    let upstreamClosed: () => void = () => undefined;
    const closed = new Promise<void>((resolve) => (upstreamClosed = resolve));
    const upstream = untilOver(
      await startUpstream((_call, response) => {
        response.on('close', upstreamClosed);
        response.write('x');
      }),
    );
    const gateway = await gatewayTo(upstream.url);
    const wire = new Wire(gateway.port);
    wire.send(requestText('GET', '/'));
    await wire.until((seen) => seen.includes('x\r\n'));
    wire.end();
    await expect(closed).resolves.toBeUndefined();
  });

  it('half way through its body leaves nothing behind', async () => {
    const upstream = untilOver(await startUpstream());
    const gateway = await gatewayTo(upstream.url);
    const wire = new Wire(gateway.port);
    wire.send('POST / HTTP/1.1\r\nHost: x\r\nAuthorization: me\r\nIdempotency-Key: k\r\nContent-Length: 5\r\n\r\nhal');
    await new Promise((resolve) => setTimeout(resolve, 50));
    wire.end();
    const whole = await exchange(gateway.port, requestText('POST', '/', headers, 'whole'));
    expect(whole.toString('latin1')).toMatch(/^HTTP\/1.1 201 /);
    expect(upstream.heads()).toBe(1);
  });
});
