/** One Redis in trouble: every call ends in its own answer or a defined error, and nothing that is wrong is read as "no such record". */
import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOnce } from '../../src/operations/once.ts';
import { redis, type RedisClient, type RedisStore } from '../../src/stores/redis.ts';
import { startFaultProxy } from '../../../../tools/servers/fault-proxy.ts';
import { startRedis, type RedisOptions } from '../../../../tools/servers/redis.ts';
import type { Server } from '../../../../tools/servers/server.ts';
import { serverForFile } from '../../../../tools/servers/server-for-file.ts';
import { storesUnderTest } from '../../../../tools/servers/stores-under-test.ts';
import { answerOf, askFor, errorOf, keyOf } from './redis/asks.ts';
import { connectTo, hearErrors, libraries, type Connected } from './redis/clients.ts';

const retentionMs = 86_400_000;
const opened: { close(): Promise<unknown> }[] = [];

async function clientOf(library: (typeof libraries)[number], url: string): Promise<RedisClient> {
  const connected: Connected = await connectTo(library, url);
  opened.push(connected);
  return connected.client;
}

async function own(options: RedisOptions): Promise<Server> {
  const server = await startRedis({ appendOnly: 'off', ...options });
  opened.push({ close: () => server.stop() });
  return server;
}

afterAll(async () => {
  for (const each of opened.toReversed()) await each.close();
});

async function finished(store: RedisStore, bytes = 300) {
  const ask = askFor();
  await store.claim(ask);
  await store.complete({ ...ask, outcome: answerOf(bytes), retentionMs });
  return ask;
}

describe.each(storesUnderTest(['redis']))('%s', () => {
  const server = serverForFile(() => startRedis());
  let raw: Redis;
  beforeAll(() => {
    raw = hearErrors(new Redis(server().url));
    opened.push({ close: async () => raw.disconnect() });
  });

  describe.each(libraries)('by %s', (library) => {
    it.each([64, 500])('grants one of %i claims of one key at once', async (count) => {
      const one = redis(await clientOf(library, server().url));
      const other = redis(await clientOf(library, server().url));
      const key = `storm-${library}-${count}`;
      const claims = Array.from({ length: count }, (_, index) => (index % 2 === 0 ? one : other).claim(askFor(key)));
      const kinds = (await Promise.all(claims)).map(({ kind }) => kind);
      expect(kinds.filter((kind) => kind === 'granted')).toHaveLength(1);
      expect(kinds.filter((kind) => kind === 'in-progress')).toHaveLength(count - 1);
    });

    it('goes on while the scripts are flushed', async () => {
      const store = redis(await clientOf(library, server().url));
      for (let round = 0; round < 5; round++) {
        const [, ...answers] = await Promise.all([
          raw.script('FLUSH'),
          ...Array.from({ length: 20 }, () => store.claim(askFor())),
        ]);
        expect(new Set(answers.map(({ kind }) => kind))).toEqual(new Set(['granted']));
      }
    });

    it('fails a poisoned entry of a batch alone', async () => {
      const store = redis(await clientOf(library, server().url));
      const [list, newer, cut] = [askFor(), await finished(store), await finished(store)];
      await raw.rpush(keyOf(list), 'not a record');
      await raw.setrange(keyOf(newer), 0, Buffer.of(0x33));
      await raw.set(keyOf(cut), (await raw.getBuffer(keyOf(cut)))?.subarray(0, 200) ?? '', 'KEEPTTL');
      const unwritable = askFor('scope', { labels: { ...list.labels, scope: ['s'.repeat(70_000)] } });
      const wrongId = { ...askFor(), id: 'not hexadecimal' };
      const poisoned = [list, newer, cut, unwritable, wrongId].map((ask) =>
        errorOf(store.claim({ ...ask, token: 'other' })),
      );
      const good = Array.from({ length: 20 }, () => store.claim(askFor()));
      const errors = await Promise.all(poisoned);
      expect((await Promise.all(good)).map(({ kind }) => kind)).toEqual(good.map(() => 'granted'));
      for (const error of errors.slice(0, 3)) expect(error).toMatchObject({ code: 'record_unreadable' });
      expect(String(errors[3])).toMatch(/scope and operation takes 70\d+ bytes/);
      expect(String(errors[4])).toMatch(/64 hexadecimal digits/);
    });

    it('runs the work once when the reply to its claim, or to its completion, is lost', async () => {
      const proxy = await startFaultProxy({ port: server().port });
      opened.push({ close: () => proxy.stop() });
      const store = redis(await clientOf(library, proxy.through(server().url)));
      const once = createOnce({ store, leaseMs: 5000 });
      let runs = 0;
      for (const fault of [1, 2]) {
        const ask = { scope: ['lost', library], operation: 'charge', key: `reply-${fault}`, input: fault };
        // A lone claim is a native command, NX; one that waited for its connection is a run of the script, as completions are.
        const cutAfter = (...words: readonly string[]): void => {
          const isHit = (text: string): boolean => words.some((word) => text.includes(word));
          proxy.plan({ kind: 'cut-after', when: (bytes) => isHit(bytes.toString('latin1').toUpperCase()) });
        };
        const act = async (): Promise<number> => {
          runs += 1;
          if (fault === 2) cutAfter('EVALSHA');
          return runs;
        };
        if (fault === 1) cutAfter('\r\nNX\r\n', 'EVALSHA');
        expect(await once.run(ask, act)).toMatchObject({ status: 'executed', value: fault });
        expect(proxy.counters.faults['cut-after']).toBe(fault);
        expect(await once.run(ask, act)).toMatchObject({ status: 'replayed', value: fault });
      }
      expect(runs).toBe(2);
      await once.close();
    });

    it('is told down within the store timeout while the server is silent, gives a late grant back, and serves again', async () => {
      const store = redis(await clientOf(library, server().url));
      const once = createOnce({ store, storeTimeoutMs: 400 });
      const ask = { scope: ['silent', library], operation: 'charge', key: 'one' };
      let runs = 0;
      const act = async (): Promise<number> => ++runs;
      server().pause();
      const began = performance.now();
      expect(await errorOf(once.run(ask, act))).toMatchObject({ code: 'store_unavailable' });
      // The client itself would wait for as long as the server is silent.
      expect(performance.now() - began).toBeLessThan(5000);
      expect(runs).toBe(0);
      server().resume();
      await expect.poll(async () => (await once.run(ask, act)).value, { timeout: 20_000 }).toBe(1);
      expect(runs).toBe(1);
      await once.close();
    });

    it('loses nothing that was acknowledged when the server is killed in mid-claim, and serves when it is back', async () => {
      const store = redis(await clientOf(library, server().url), { timeoutMs: 1000 });
      const ask = await finished(store);
      const claims = Array.from({ length: 50 }, () => askFor());
      const answers = claims.map((claim) =>
        store.claim(claim).then(
          (answer) => answer.kind,
          () => 'failed',
        ),
      );
      await server().kill();
      // Ended means answered or failed: nothing hangs.
      const kinds = await Promise.all(answers);
      const began = performance.now();
      expect(await errorOf(store.claim(askFor()))).toBeInstanceOf(Error);
      expect(performance.now() - began).toBeLessThan(5000);
      await server().start();
      await expect
        .poll(() => store.claim({ ...ask, token: 'other' }).then(({ kind }) => kind, String), { timeout: 10_000 })
        .toBe('completed');
      const granted = claims.filter((_, index) => kinds[index] === 'granted');
      const after = await Promise.all(granted.map((claim) => store.claim({ ...claim, token: 'other' })));
      expect(after.filter(({ kind }) => kind !== 'in-progress')).toEqual([]);
    });

    it('lists through a prefix of the client, of the store, and a search’s wildcards in both', async () => {
      const url = server().url;
      const options = { keyPrefix: 'app[1]:' };
      const { client, close } = await connectTo(library, url, options);
      opened.push({ close });
      const store = redis(client, { prefix: `${library}*?:` });
      const ask = await finished(store);
      expect((await store.list({ limit: 10 })).records.map(({ id }) => id)).toEqual([ask.id]);
      expect(await raw.exists(keyOf(ask, `app[1]:${library}*?:`))).toBe(1);
    });
  });

  it('never grants a record that was cut or flipped anywhere', async () => {
    const store = redis(raw);
    const ask = await finished(store);
    const whole = await raw.getBuffer(keyOf(ask));
    if (whole === null) throw new Error('the record is there');
    const tried = { ...ask, token: 'other', fingerprint: `h1:${createHash('sha256').digest('hex')}` };
    const cut = Array.from(whole, (_, length) => whole.subarray(0, length));
    const flipped = Array.from(whole, (_, at) => {
      const bytes = Buffer.from(whole);
      bytes[at] = (bytes[at] ?? 0) ^ 0x40;
      return bytes;
    });
    const answersOf = async (damaged: readonly Buffer[]) => {
      const answers = [];
      for (const bytes of damaged) {
        // oxlint-disable-next-line no-await-in-loop -- one after the other under one key
        await raw.set(keyOf(ask), bytes, 'KEEPTTL');
        // oxlint-disable-next-line no-await-in-loop
        answers.push(await store.claim(tried).catch((error: unknown) => error));
      }
      return answers;
    };
    const unreadable = expect.objectContaining({ code: 'record_unreadable' }) as unknown;
    expect(await answersOf(cut)).toEqual(cut.map(() => unreadable));
    const body = new Uint8Array(answerOf(300).body);
    // What a flip of another piece leaves is the outcome as it was.
    const same = (answer: unknown): boolean =>
      isDeepStrictEqual((answer as { outcome?: unknown }).outcome, { ...answerOf(300), body });
    const others = (await answersOf(flipped)).filter((answer) => !same(answer));
    expect(others.length).toBeGreaterThan(300);
    expect(others).toEqual(others.map(() => unreadable));
  });

  it('keeps a record with a 300-byte body within 600 bytes', async () => {
    const ask = await finished(redis(raw));
    expect(await raw.call('memory', 'usage', keyOf(ask))).toBeLessThanOrEqual(600);
  });

  it('serves a user who may do only what the reference lists', async () => {
    const allowed =
      '+evalsha +eval +get +set +getrange +setrange +del +pexpire +pexpiretime +pttl +time +scan +info +publish +pubsub|numsub +subscribe';
    const rules = `on >secret ~shop:* resetchannels &shop:changed -@all ${allowed}`;
    await raw.call('acl', 'setuser', 'shop', ...rules.split(' '));
    const client = hearErrors(
      new Redis({ port: server().port, username: 'shop', password: 'secret', enableReadyCheck: false }),
    );
    opened.push({ close: async () => client.disconnect() });
    const store = redis(client, { prefix: 'shop:' });
    await store.check();
    const ask = askFor();
    await store.claim(ask);
    let told = 0;
    const end = store.watch?.(ask.id, () => told++);
    await store.complete({ ...ask, outcome: answerOf(10), retentionMs });
    await store.note([{ id: ask.id, kind: 'replay', count: 1 }]);
    expect((await store.list({ limit: 1000 })).records.map(({ id }) => id)).toContain(ask.id);
    await expect.poll(() => told).toBeGreaterThan(0);
    end?.();
    await store.close();
  });

  it('says what is wrong with the server or the client', async () => {
    const replica = await own({ replicaOf: server().port });
    const locked = await own({ password: 'secret' });
    const evicting = await own({ maxmemoryPolicy: 'volatile-lru' });
    const open = hearErrors(new Redis(locked.port, { lazyConnect: true }));
    opened.push({ close: async () => open.disconnect() });
    const claimOnReplica = redis(await clientOf('ioredis', replica.url)).claim(askFor());
    expect(await errorOf(claimOnReplica)).toMatchObject({ code: 'store_unavailable' });
    expect(await errorOf(redis(open).check())).toMatchObject({ code: 'store_unusable' });
    const onEvicting = redis(await clientOf('node-redis', evicting.url));
    expect(await errorOf(onEvicting.check())).toMatchObject({ code: 'store_unusable' });
    const neverConnected = redis(createClient({ url: server().url }));
    expect(await errorOf(neverConnected.claim(askFor()))).toMatchObject({ code: 'store_unavailable' });
    await redis(await clientOf('ioredis', evicting.url), { allowEviction: true }).check();
    expect(() => redis({} as never)).toThrow(/client must be/);
    expect(() => redis(raw, { prefix: '' })).toThrow(/options.prefix/);
    expect(() => redis(raw, { timeoutMs: 0 })).toThrow(/options.timeoutMs/);
  });

  it('refuses claims when the memory is full, and goes on answering, releasing and counting', async () => {
    const small = await own({ maxmemory: '4mb' });
    const store = redis(await clientOf('ioredis', small.url));
    const [done, running] = [await finished(store), askFor()];
    await store.claim(running);
    const filling = hearErrors(new Redis(small.url));
    opened.push({ close: async () => filling.disconnect() });
    for (let index = 0, full = false; !full; index++) {
      full = await filling.set(`filler-${index}`, Buffer.alloc(100_000)).then(
        () => false,
        () => true,
      );
    }
    for (let index = 0, full = false; !full; index++) {
      full = await filling.set(`small-${index}`, '1').then(
        () => false,
        () => true,
      );
    }
    expect(await errorOf(store.claim(askFor()))).toMatchObject({
      code: 'store_unavailable',
      message: expect.stringContaining('maxmemory'),
    });
    expect((await store.read(done.id))?.state).toBe('completed');
    expect(await store.release(running.id, running.token, 1000)).toEqual({ kind: 'released' });
  });

  it('is told when a script of somebody else keeps the server busy', async () => {
    const busy = await own({ settings: { 'busy-reply-threshold': '10' } });
    const store = redis(await clientOf('ioredis', busy.url));
    const other = hearErrors(new Redis(busy.url));
    opened.push({ close: async () => other.disconnect() });
    const script = other.eval('while true do end', 0).catch(() => 'killed');
    await expect.poll(() => store.claim(askFor()).then(String, String), { timeout: 5000 }).toMatch(/SCRIPT KILL/);
    const killer = hearErrors(new Redis(busy.url, { enableReadyCheck: false }));
    await killer.script('KILL');
    killer.disconnect();
    expect(await script).toBe('killed');
    expect(await store.claim(askFor())).toMatchObject({ kind: 'granted' });
  });
});
