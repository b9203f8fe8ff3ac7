/** The gateway on Redis, alone and as a Cluster: two of them share their keys, and a server that cannot be trusted refuses the start. */
import { describe, expect, it } from 'vitest';
import { startRedisCluster } from '../../../../tools/servers/redis-cluster.ts';
import { startRedis } from '../../../../tools/servers/redis.ts';
import { serverForFile } from '../../../../tools/servers/server-for-file.ts';
import { storesUnderTest } from '../../../../tools/servers/stores-under-test.ts';
import { runProgram, startGateway } from '../support/program.ts';
import { untilOver } from '../support/until-over.ts';
import { startUpstream } from '../support/upstream.ts';

function refusedStart(store: string): ReturnType<typeof runProgram> {
  return runProgram(['gateway', '--upstream', 'http://127.0.0.1:9', '--listen', '127.0.0.1:0', '--store', store]);
}

/** Sends an order twice, to one gateway and then to another on the same store; both answers. */
async function orderTwice(
  store: string,
): Promise<{ calls: number; answers: { body: string; replayed: string | null }[] }> {
  const upstream = untilOver(await startUpstream());
  const flags = ['--upstream', upstream.url, '--store', store];
  const gateways = await Promise.all([startGateway(flags), startGateway(flags)]);
  gateways.forEach(untilOver);
  const answers = [];
  for (const { url } of gateways) {
    const headers = { 'Idempotency-Key': '"order-1"', authorization: 'the-customer' };
    // oxlint-disable-next-line no-await-in-loop -- the second is a repeat of the first
    const answer = await fetch(`${url}/orders`, { method: 'POST', headers, body: '{"amount":1}' });
    // oxlint-disable-next-line no-await-in-loop
    answers.push({ body: await answer.text(), replayed: answer.headers.get('idempotent-replayed') });
  }
  return { calls: upstream.calls.length, answers };
}

const oneOrder = {
  calls: 1,
  answers: [
    { body: '{"order":1}', replayed: null },
    { body: '{"order":1}', replayed: 'true' },
  ],
};

describe.each(storesUnderTest(['redis']))('%s', () => {
  const locked = serverForFile(() => startRedis({ password: 'p:w@/?', appendOnly: 'off' }));

  it('answers a repeat to another gateway from the record, in a database and under a prefix of its own', async () => {
    expect(await orderTwice(`${locked().url}/3?prefix=shop:`)).toEqual(oneOrder);
  });

  it('does the same on a Cluster', async () => {
    const cluster = await startRedisCluster();
    untilOver(cluster);
    expect(await orderTwice(cluster.url)).toEqual(oneOrder);
  });

  it.each([
    ['a wrong password', (port: number) => `redis://:wrong@127.0.0.1:${port}`, /WRONGPASS/],
    ['nobody there', () => 'redis://127.0.0.1:1', /ECONNREFUSED/],
    ['no node there', () => 'redis+cluster://127.0.0.1:1,127.0.0.1:2', /none of its addresses can be reached/],
    ['an unknown parameter', () => 'redis://127.0.0.1?lease=1', /\?lease= is unknown/],
    ['several hosts that are no cluster', () => 'redis://a,b', /redis\+cluster:/],
  ])('refuses to start with %s, in one line', async (_what, urlOf, says) => {
    const { code, stdout, stderr } = await refusedStart(urlOf(locked().port));
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(says);
    expect(stderr).toMatch(/^oncekey: [^\n]+\n$/);
  });

  it('refuses a server that may evict records, unless it is told to take it', async () => {
    const evicting = await startRedis({ maxmemoryPolicy: 'allkeys-lru', appendOnly: 'off' });
    untilOver(evicting);
    const { code, stderr } = await refusedStart(evicting.url);
    expect(code).toBe(2);
    expect(stderr).toMatch(/maxmemory-policy allkeys-lru/);
    expect(await orderTwice(`${evicting.url}?eviction=allowed`)).toEqual(oneOrder);
  });
});
