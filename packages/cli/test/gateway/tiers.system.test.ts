/** The gateway on a JSON file, and with a Redis in front of its store: served at once, gone at the start, killed at work and back. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { startFaultProxy } from '../../../../tools/servers/fault-proxy.ts';
import { startRedis } from '../../../../tools/servers/redis.ts';
import { serverForFile } from '../../../../tools/servers/server-for-file.ts';
import { storesUnderTest } from '../../../../tools/servers/stores-under-test.ts';
import { runProgram, startGateway, type GatewayProcess } from '../support/program.ts';
import { untilOver } from '../support/until-over.ts';
import { deadPort, startUpstream } from '../support/upstream.ts';

const folder = mkdtempSync(join(tmpdir(), 'oncekey-tiers-'));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function gateway(upstream: string, ...flags: string[]): Promise<GatewayProcess> {
  return untilOver(await startGateway(['--upstream', upstream, ...flags]));
}

async function upstream(): Promise<{ url: string; calls: readonly unknown[] }> {
  return untilOver(await startUpstream());
}

async function order({ url }: GatewayProcess, key: string): Promise<string> {
  const headers = { 'Idempotency-Key': `"${key}"`, authorization: 'the-customer' };
  const answer = await fetch(`${url}/orders`, { method: 'POST', headers, body: '{"amount":1}' });
  const replayed = answer.headers.get('idempotent-replayed') === 'true' ? ' again' : '';
  return `${answer.status} ${await answer.text()}${replayed}`;
}

describe('a JSON file', () => {
  it('answers a repeat after the gateway was killed, and is for one gateway', async () => {
    const service = await upstream();
    const path = join(folder, 'records.json');
    const store = `json-file:${path}`;
    const first = await gateway(service.url, '--store', store);
    expect(await order(first, 'a')).toBe('201 {"order":1}');
    const flags = ['gateway', '--upstream', service.url, '--listen', '127.0.0.1:0', '--store', store];
    const second = await runProgram(flags);
    expect(second.code).toBe(2);
    expect(second.stderr).toContain(`in use by process ${first.processId}`);
    await first.kill();
    expect(readFileSync(path, 'utf8')).toContain('"status": "completed"');
    expect(await order(await gateway(service.url, '--store', store), 'a')).toBe('201 {"order":1} again');
  });
});

describe.each(storesUnderTest(['redis']))('%s in front', () => {
  const server = serverForFile(() => startRedis({ appendOnly: 'off' }));
  let databases = 0;
  const sqlite = (): string => `sqlite:${join(folder, `hot-${databases++}.db`)}`;

  it('answers repeats, and another gateway on the same two stores does too', async () => {
    const service = await upstream();
    const flags = ['--store', sqlite(), '--hot', server().url];
    const [one, two] = [await gateway(service.url, ...flags), await gateway(service.url, ...flags)];
    expect(await order(one, 'a')).toBe('201 {"order":1}');
    expect([await order(one, 'a'), await order(two, 'a')]).toEqual(['201 {"order":1} again', '201 {"order":1} again']);
    expect(await one.logged('started')).toMatchObject({ store: 'tiered(redis, sqlite)' });
    expect(one.log().map(({ event }) => event)).not.toContain('hot-down');
  });

  it('gone at the start: a warning, and it serves without', async () => {
    const service = await upstream();
    const hot = `redis://127.0.0.1:${await deadPort()}`;
    const started = await gateway(service.url, '--store', sqlite(), '--hot', hot);
    await started.logged('hot-down');
    expect([await order(started, 'a'), await order(started, 'a')]).toEqual([
      '201 {"order":1}',
      '201 {"order":1} again',
    ]);
  });

  it('cut off at work: orders go on, once each, and it is used again when it is back', async () => {
    const service = await upstream();
    const proxy = await startFaultProxy({ port: server().port });
    untilOver(proxy);
    const hot = `${proxy.through(server().url)}?prefix=cut:`;
    const started = await gateway(service.url, '--store', sqlite(), '--hot', hot);
    expect(await order(started, 'a')).toBe('201 {"order":1}');
    await proxy.down();
    expect([await order(started, 'a'), await order(started, 'b'), await order(started, 'b')]).toEqual([
      '201 {"order":1} again',
      '201 {"order":2}',
      '201 {"order":2} again',
    ]);
    await started.logged('hot-down');
    await proxy.up();
    const deadlineMs = performance.now() + 20_000;
    const isUp = (): boolean => started.log().some(({ event }) => event === 'hot-up');
    while (!isUp() && performance.now() < deadlineMs) expect(await order(started, 'b')).toBe('201 {"order":2} again');
    expect(isUp()).toBe(true);
    expect(await order(started, 'a')).toBe('201 {"order":1} again');
    expect(service.calls).toHaveLength(2);
  });
});
