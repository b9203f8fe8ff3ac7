/**
 * A gateway's life: stores that cannot serve, a kill in mid-work and the takeover after it,
 * an orderly end that finishes what was sent upstream and releases what was not, and what
 * it tells of itself: the log and the metrics.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runProgram, startGateway, type GatewayProcess } from '../support/program.ts';
import { untilOver } from '../support/until-over.ts';
import { startSocketUpstream, startUpstream, type Upstream } from '../support/upstream.ts';
import { ask, requestText, Wire } from '../support/wire.ts';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'oncekey-life-'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function gatewayTo(upstream: Upstream, store: string, ...flags: string[]): Promise<GatewayProcess> {
  return untilOver(await startGateway(['--upstream', upstream.url, '--store', store, ...flags]));
}

const headers = [
  ['Idempotency-Key', 'the-secret-key'],
  ['Authorization', 'the-secret-user'],
] as const;

/** Answers when told to. */
async function startPatient(): Promise<{ upstream: Upstream; answer: () => void }> {
  const waiting: (() => void)[] = [];
  const upstream = untilOver(
    await startUpstream((_call, response, count) => {
      waiting.push(() => response.writeHead(200).end(`answer ${count}`));
    }),
  );
  return {
    upstream,
    answer() {
      for (const go of waiting.splice(0)) go();
    },
  };
}

async function arrivals(upstream: Upstream, count: number): Promise<void> {
  while (upstream.calls.length < count) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('a store that cannot serve', () => {
  it.each([
    ['corrupt', (path: string) => writeFileSync(path, Buffer.alloc(8192, 0x5a))],
    ['a folder', (path: string) => mkdirSync(path) ?? path],
    [
      'newer',
      (path: string) => {
        const db = new DatabaseSync(path);
        db.exec('CREATE TABLE oncekey_schema (only_row INTEGER PRIMARY KEY, version INTEGER NOT NULL)');
        db.exec('INSERT INTO oncekey_schema VALUES (1, 999)');
        db.close();
      },
    ],
    [
      'in a place that cannot be',
      (path: string) => {
        writeFileSync(path, '');
        return join(path, 'below-a-file.db');
      },
    ],
  ])('%s: exit code 2 and one line', async (name, make) => {
    const path = join(folder, `${name.replaceAll(' ', '-')}.db`);
    const actual = make(path) ?? path;
    const flags = ['--upstream', 'http://127.0.0.1:9', '--listen', '127.0.0.1:0', '--store', `sqlite:${actual}`];
    const { code, stdout, stderr } = await runProgram(['gateway', ...flags]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^oncekey: --store: sqlite:[^\n]+ cannot serve: [^\n]+\n$/);
    expect(/999/.test(stderr)).toBe(name === 'newer');
  });

  it.skipIf(process.getuid?.() === 0)('unwritable: exit code 2 and one line', async () => {
    const place = join(folder, 'unwritable');
    mkdirSync(place);
    chmodSync(place, 0o500);
    const store = `sqlite:${join(place, 'x.db')}`;
    const { code, stderr } = await runProgram(['gateway', '--upstream', 'http://127.0.0.1:9', '--store', store]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^oncekey: --store: [^\n]+\n$/);
  });
});

describe('a store that fails while serving', () => {
  it('503 and nothing runs; or, opted in, runs unprotected and says so; then it is back', async () => {
    const upstream = untilOver(await startUpstream());
    const path = join(folder, 'busy.db');
    const closed = await gatewayTo(upstream, `sqlite:${path}`, '--store-timeout-ms', '300');
    const open = await gatewayTo(upstream, `sqlite:${path}`, '--store-timeout-ms', '300', '--store-down', 'pass');
    const other = new DatabaseSync(path);
    other.exec('BEGIN EXCLUSIVE');
    const refused = await ask(closed.port, 'POST', '/orders', headers, 'x');
    expect([refused.status, refused.header('retry-after')]).toEqual([503, ['1']]);
    expect(refused.body.toString()).toContain('idempotency_store_unavailable');
    expect(upstream.heads()).toBe(0);
    expect(await closed.logged('store-failed')).toMatchObject({ level: 40, phase: 'claim' });
    const unprotected = await ask(open.port, 'POST', '/orders', headers, 'x');
    expect([unprotected.status, unprotected.header('idempotency-unprotected')]).toEqual([201, ['store-unavailable']]);
    expect(await open.logged('unprotected')).toMatchObject({ level: 40 });
    other.exec('ROLLBACK');
    other.close();
    let back = await ask(closed.port, 'POST', '/orders', headers, 'x');
    while (back.status === 503 || back.status === 409) back = await ask(closed.port, 'POST', '/orders', headers, 'x');
    expect(back.status).toBe(201);
  });
});

describe('killed mid-work', () => {
  it('refuses while the lease runs, then takes over as attempt 2, with a warning', async () => {
    const { upstream, answer } = await startPatient();
    const store = `sqlite:${join(folder, 'killed.db')}`;
    const first = await gatewayTo(upstream, store, '--lease-ms', '1000');
    const wire = new Wire(first.port);
    wire.send(requestText('POST', '/orders', headers, 'x'));
    await arrivals(upstream, 1);
    await first.kill();
    const second = await gatewayTo(upstream, store, '--lease-ms', '1000');
    const answers: number[] = [];
    const retry = async (): Promise<void> => {
      for (;;) {
        const { status } = await ask(second.port, 'POST', '/orders', headers, 'x');
        answers.push(status);
        if (status !== 409) return;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };
    const done = retry();
    await arrivals(upstream, 2);
    answer();
    await done;
    expect(answers[0]).toBe(409);
    expect(answers.at(-1)).toBe(200);
    expect(await second.logged('taken-over')).toMatchObject({ level: 40, attempt: 2, method: 'POST', path: '/orders' });
  });

  it('holds the key for an operator when told to', async () => {
    const { upstream } = await startPatient();
    const store = `sqlite:${join(folder, 'held.db')}`;
    const first = await gatewayTo(upstream, store, '--lease-ms', '300');
    const wire = new Wire(first.port);
    wire.send(requestText('POST', '/orders', headers, 'x'));
    await arrivals(upstream, 1);
    await first.kill();
    const second = await gatewayTo(upstream, store, '--lease-ms', '300', '--abandoned', 'hold');
    let held = await ask(second.port, 'POST', '/orders', headers, 'x');
    while (held.body.toString().includes('idempotency_in_progress')) {
      held = await ask(second.port, 'POST', '/orders', headers, 'x');
    }
    expect(held.body.toString()).toContain('idempotency_outcome_unknown');
    expect(upstream.calls).toHaveLength(1);
  });

  it('answers after a restart what was answered before it', async () => {
    const upstream = untilOver(await startUpstream());
    const store = `sqlite:${join(folder, 'restart.db')}`;
    const first = await gatewayTo(upstream, store);
    const answer = await ask(first.port, 'POST', '/orders', headers, 'x');
    await first.kill();
    const second = await gatewayTo(upstream, store);
    const replay = await ask(second.port, 'POST', '/orders', headers, 'x');
    expect([replay.header('idempotent-replayed'), replay.body.toString()]).toEqual([['true'], answer.body.toString()]);
  });
});

describe('ending', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    '%s: finishes what was sent upstream, takes nothing new, exits 0',
    async (signal) => {
      const { upstream, answer } = await startPatient();
      const store = `sqlite:${join(folder, `${signal}.db`)}`;
      const gateway = await gatewayTo(upstream, store);
      const idle = new Wire(gateway.port);
      idle.send('POST /warm HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n');
      await arrivals(upstream, 1);
      answer();
      await idle.until((seen) => seen.includes('answer 1'));
      const busy = ask(gateway.port, 'POST', '/orders', headers, 'x');
      await arrivals(upstream, 2);
      gateway.signal(signal);
      await gateway.logged('ending');
      await idle.until(() => false);
      await expect(ask(gateway.port, 'POST', '/orders', headers, 'x')).resolves.toMatchObject({ status: 0 });
      answer();
      expect((await busy).body.toString()).toBe('answer 2');
      expect(await gateway.ended).toMatchObject({ code: 0 });
      const next = await gatewayTo(upstream, store);
      expect((await ask(next.port, 'POST', '/orders', headers, 'x')).header('idempotent-replayed')).toEqual(['true']);
    },
  );

  it('releases what was not sent, and answers 503 on connections that stay', async () => {
    // Accepts and never speaks TLS: the request waits for a connection that is not there yet.
    const silent = untilOver(await startSocketUpstream(() => undefined));
    const store = `sqlite:${join(folder, 'unsent.db')}`;
    const tls = { ...silent, url: silent.url.replace('http:', 'https:') };
    const gateway = await gatewayTo(tls, store, '--upstream-timeout-ms', '4000');
    const waiting = new Wire(gateway.port);
    waiting.send(requestText('POST', '/orders', headers, 'x').toString('latin1').replace('Connection: close\r\n', ''));
    const late = new Wire(gateway.port);
    late.send(
      'POST /late HTTP/1.1\r\nHost: x\r\nAuthorization: a\r\nIdempotency-Key: late\r\nContent-Length: 4\r\n\r\nha',
    );
    await new Promise((resolve) => setTimeout(resolve, 200));
    gateway.signal('SIGTERM');
    await gateway.logged('ending');
    late.send('lf');
    expect(await late.until((seen) => seen.includes('}'))).toMatch(
      /^HTTP\/1.1 503 [^]*connection: close[^]*shutting_down/i,
    );
    expect(await waiting.until((seen) => seen.includes('}'))).toMatch(/^HTTP\/1.1 503 [^]*shutting_down/);
    expect(await gateway.ended).toMatchObject({ code: 0 });
    const upstream = untilOver(await startUpstream());
    const next = await gatewayTo(upstream, store);
    expect((await ask(next.port, 'POST', '/orders', headers, 'x')).status).toBe(201);
  });
});

describe('what it tells of itself', () => {
  it('one line on stdout; a log without keys, scopes and bodies', async () => {
    const upstream = untilOver(await startUpstream());
    const gateway = await startGateway(['--upstream', upstream.url, '--store', 'memory:'], {
      ONCEKEY_LOG_LEVEL: 'debug',
    });
    await ask(gateway.port, 'POST', '/orders?token=the-secret-query', headers, 'the-secret-body');
    await ask(gateway.port, 'POST', '/orders?token=the-secret-query', headers, 'the-secret-body');
    expect(await gateway.logged('replayed')).toMatchObject({
      path: '/orders',
      record: expect.stringMatching(/^[0-9a-f]{12}$/) as unknown,
    });
    gateway.signal('SIGTERM');
    const { stdout, stderr } = await gateway.ended;
    expect(stdout).toBe(`${JSON.stringify({ event: 'listening', url: gateway.url })}\n`);
    expect(stderr).not.toContain('the-secret');
    for (const line of stderr.trim().split('\n')) expect(JSON.parse(line)).toHaveProperty('level');
  });

  it('counts for Prometheus', async () => {
    const upstream = untilOver(await startUpstream());
    const gateway = await gatewayTo(upstream, 'memory:', '--metrics', '127.0.0.1:0');
    const { metricsUrl } = await gateway.logged('started');
    for (let round = 0; round < 3; round += 1) await ask(gateway.port, 'POST', '/orders', headers, 'x');
    await ask(gateway.port, 'POST', '/orders', headers, 'other');
    await ask(gateway.port, 'GET', '/');
    const response = await fetch(`${String(metricsUrl)}/metrics`);
    expect(response.headers.get('content-type')).toContain('text/plain');
    const text = await response.text();
    for (const line of [
      'oncekey_requests_total{how="run",status="201"} 1',
      'oncekey_requests_total{how="answer",status="201"} 2',
      'oncekey_requests_total{how="answer",status="422"} 1',
      'oncekey_requests_total{how="pass",status="201"} 1',
      'oncekey_events_total{event="replayed"} 2',
      'oncekey_events_total{event="conflict"} 1',
      'oncekey_run_seconds_count 1',
      'oncekey_requests_in_flight 0',
    ]) {
      expect(text).toContain(line);
    }
    expect((await fetch(`${String(metricsUrl)}/other`)).status).toBe(404);
  });

  it('lets chosen origins read refusals and replays', async () => {
    const upstream = untilOver(await startUpstream());
    const gateway = await gatewayTo(upstream, 'memory:', '--cors-origin', 'https://shop.example');
    const from = [...headers, ['Origin', 'https://shop.example']] as const;
    await ask(gateway.port, 'POST', '/orders', from, 'x');
    const replay = await ask(gateway.port, 'POST', '/orders', from, 'x');
    expect(replay.header('access-control-allow-origin')).toEqual(['https://shop.example']);
    await upstream.close();
    const unreachable = await ask(gateway.port, 'POST', '/orders', [['Origin', 'https://shop.example']], 'x');
    expect([unreachable.status, unreachable.header('access-control-allow-origin')]).toEqual([
      502,
      ['https://shop.example'],
    ]);
    const other = await ask(gateway.port, 'POST', '/orders', [['Origin', 'https://other.example']], 'x');
    expect([other.header('access-control-allow-origin'), other.header('vary')]).toEqual([[], ['Origin']]);
  });
});
