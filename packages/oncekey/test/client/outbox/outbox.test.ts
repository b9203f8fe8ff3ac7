/** The outbox against a real API behind this library's protocol: order, references, lost replies, stops and repairs (I16). */
import { afterEach, describe, expect, test } from 'vitest';
import { ClientError } from '../../../src/client/errors.ts';
import { backgroundSync, createOutbox, memoryStorage, ref } from '../../../src/client/outbox/index.ts';
import type { NewEntry, Outbox, OutboxEvent, OutboxOptions, OutboxStorage } from '../../../src/client/outbox/index.ts';
import { startApi, type Api } from './rig.ts';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

const quick = { minDelayMs: 1, maxDelayMs: 5, intervalMs: 20, attemptTimeoutMs: 2000 } satisfies Partial<OutboxOptions>;

async function api(options: Parameters<typeof startApi>[0] = {}): Promise<Api> {
  const started = await startApi(options);
  closing.push(started.close);
  return started;
}

interface Opened {
  readonly outbox: Outbox;
  readonly events: OutboxEvent[];
  readonly storage: OutboxStorage;
}

function open(options: Partial<OutboxOptions> = {}): Opened {
  const events: OutboxEvent[] = [];
  const storage = options.storage ?? memoryStorage();
  const outbox = createOutbox({
    automatic: false,
    ...quick,
    onEvent: (event) => events.push(event),
    ...options,
    storage,
  });
  closing.push(() => outbox.close());
  return { outbox, events, storage };
}

const reasons = async (outbox: Outbox) =>
  (await outbox.list('dead')).map(({ id, failure }) => [id, failure?.reason, failure?.effect]);
const coded = (code: Parameters<typeof ClientError.is>[1]) => (error: unknown) => ClientError.is(error, code);

describe('sending', () => {
  test('nothing is sent before it is kept, and each lane is sent in order', async () => {
    const { url, made } = await api();
    const { outbox } = open();
    for (let n = 0; n < 5; n += 1)
      for (const lane of ['a', 'b']) await outbox.add({ lane, url: `${url}/${lane}`, json: { n } });
    expect(made).toHaveLength(0);
    expect((await outbox.usage()).open.entries).toBe(10);
    const usage = await outbox.drained();
    expect([usage.open.entries, usage.done.entries]).toEqual([0, 10]);
    for (const lane of ['/a', '/b']) {
      const bodies = made.filter(({ path }) => path === lane).map(({ body }) => body);
      expect(bodies).toEqual([0, 1, 2, 3, 4].map((n) => `{"n":${n}}`));
    }
  });

  test('one key for each entry, quoted, through lost replies, cuts and 503: one effect each', async () => {
    const server = await api();
    const troubles = ['lost', 'cut', { status: 503, headers: { 'retry-after': '0' } }, undefined] as const;
    server.trouble = (index) => troubles[index % 4];
    const { outbox } = open();
    for (let n = 0; n < 10; n += 1) await outbox.add({ lane: `${n % 3}`, url: `${server.url}/x`, json: n });
    await outbox.drained();
    expect(server.made.map(({ body }) => Number(body)).toSorted((a, b) => a - b)).toEqual([...Array(10).keys()]);
    expect(new Set(server.came.map(({ key }) => key)).size).toBe(10);
    expect(server.came.length).toBeGreaterThan(20);
    expect(server.came[0]?.key).toMatch(/^"[0-9a-f-]{36}"$/);
  });

  test('a lane whose request hangs holds up no other lane', async () => {
    const server = await api();
    let give = (): void => undefined;
    const gives = new Promise<Response>((_resolve, reject) => {
      give = () => reject(new Error('given up'));
    });
    const { outbox } = open({
      fetch: (input, init) => (input === `${server.url}/hangs` ? gives : fetch(input, init)),
    });
    await outbox.add({ lane: 'a', url: `${server.url}/hangs`, json: 1 });
    await outbox.add({ lane: 'b', url: `${server.url}/x`, json: 2 });
    const drain = outbox.drain();
    await expect.poll(() => server.made.map(({ body }) => body)).toEqual(['2']);
    give();
    await drain;
  });

  test('the key goes bare to a host that wants it so', async () => {
    const server = await api();
    const { outbox } = open({ bareHosts: [new URL(server.url).host] });
    await outbox.add({ url: `${server.url}/x`, json: {}, key: 'order-1' });
    await outbox.drained();
    expect(server.came.map(({ key }) => key)).toEqual(['order-1']);
  });

  test('Retry-After is waited for, up to a cap', async () => {
    const server = await api();
    server.trouble = (_index, path) => ({ status: 503, headers: { 'retry-after': path === '/soon' ? '30' : '9999' } });
    const { outbox } = open({ maxRetryAfterMs: 60_000 });
    const entries = [];
    for (const path of ['soon', 'late'])
      entries.push(await outbox.add({ lane: path, url: `${server.url}/${path}`, json: 1 }));
    const nowMs = Date.now();
    await outbox.drain();
    const waits = await Promise.all(entries.map(async ({ id }) => ((await outbox.read(id))?.dueAtMs ?? 0) - nowMs));
    expect(waits.map((waitMs) => Math.round(waitMs / 10_000))).toEqual([3, 6]);
  });

  test('of a large answer the id is kept, and not the body', async () => {
    const server = await api();
    const { outbox } = open({ maxResultBytes: 5 });
    await outbox.add({ id: 'o', url: `${server.url}/x`, json: {} });
    await outbox.drained();
    expect((await outbox.read('o'))?.result).toMatchObject({ status: 201, body: null, serverId: 1 });
  });

  test('credentials are added at each sending and never kept', async () => {
    const server = await api();
    server.trouble = (index) => (index === 0 ? { status: 401 } : undefined);
    let token = 0;
    const { outbox, storage, events } = open({
      credentials: async () => ({ authorization: `Bearer ${(token += 1)}` }),
    });
    const { id } = await outbox.add({ url: `${server.url}/x`, json: {} });
    await outbox.drained();
    expect(server.made[0]?.headers.authorization).toBe('Bearer 2');
    expect(events).toContainEqual(expect.objectContaining({ kind: 'later', why: 'credentials' }));
    expect(JSON.stringify(await storage.read(id))).not.toContain('Bearer');
    const secret = outbox.add({ url: `${server.url}/x`, headers: { Authorization: 'x' } });
    await expect(secret).rejects.toThrow('headers.authorization: credentials are not kept');
  });

  test('offline nothing is tried; back online it goes by itself', async () => {
    const server = await api();
    let online = false;
    const { outbox } = open({ automatic: true, online: () => online });
    const { id } = await outbox.add({ url: `${server.url}/x`, json: {} });
    await outbox.drain();
    expect(server.came).toHaveLength(0);
    online = true;
    expect(await outbox.result(id)).toMatchObject({ kind: 'done', result: { status: 201, serverId: 1 } });
  });

  test('bytes and texts arrive as they were given; an answer is kept', async () => {
    const server = await api();
    const { outbox } = open();
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
    const { id } = await outbox.add({ method: 'PUT', url: `${server.url}/file`, body: bytes });
    await outbox.add({ url: `${server.url}/text`, body: 'a=1', headers: { 'Content-Type': 'text/plain' } });
    await outbox.drained();
    expect(server.made[0]?.body).toBe(Buffer.from(bytes).toString());
    expect(server.made[1]).toMatchObject({ body: 'a=1', headers: { 'content-type': 'text/plain' } });
    expect((await outbox.read(id))?.result).toMatchObject({
      body: '{"id":1}',
      headers: { 'content-type': 'application/json' },
    });
  });
});

describe('references', () => {
  test('are resolved in path, query, headers and body from what the server answered', async () => {
    const server = await api();
    server.trouble = (_index, path) =>
      path === '/orders'
        ? { status: 201, headers: { 'content-type': 'application/json' }, body: '{"data":{"id":"o/1 \\"ä"}}' }
        : undefined;
    const { outbox } = open();
    await outbox.add({ id: 'order-1', url: `${server.url}/orders`, json: {}, idFrom: { body: 'data.id' } });
    await outbox.add({
      lane: 'other',
      url: `${server.url}/orders/${ref('order-1')}/lines`,
      query: { of: ref('order-1') },
      json: { order: ref('order-1'), note: `for "${ref('order-1')}"`, [ref('order-1')]: 1 },
    });
    await outbox.drained();
    const [line] = server.made;
    expect(line?.path).toBe('/orders/o%2F1%20%22%C3%A4/lines?of=o%2F1%20%22%C3%A4');
    expect(JSON.parse(line?.body ?? '')).toEqual({ order: 'o/1 "ä', note: 'for "o/1 "ä"', 'o/1 "ä': 1 });
  });

  test('a number stays a number, Location gives an id, a header takes one', async () => {
    const server = await api();
    server.trouble = (_index, path) =>
      path === '/made' ? { status: 201, headers: { location: 'https://x.example/things/abc?v=1' } } : undefined;
    const { outbox } = open();
    await outbox.add({ id: 'n', url: `${server.url}/x`, json: {} });
    await outbox.add({ id: 'l', url: `${server.url}/made`, json: {} });
    await outbox.add({ url: `${server.url}/x`, headers: { 'x-of': ref('l') }, json: { n: ref('n') } });
    await outbox.drained();
    expect(server.made[1]).toMatchObject({ body: '{"n":1}', headers: { 'x-of': 'abc' } });
    expect(await outbox.serverId('l')).toBe('abc');
  });

  test('nobody’s text is taken for one', async () => {
    const server = await api();
    const { outbox } = open();
    await outbox.add({
      id: 'o',
      url: `${server.url}/x`,
      json: { note: 'ref.00000000000000000000000000000000.6f. {o}' },
    });
    await outbox.drained();
    expect(server.made[0]?.body).toContain('ref.00000000000000000000000000000000.6f. {o}');
  });

  test('to nothing, or to itself, are refused at once', async () => {
    const { outbox } = open();
    const dangling = outbox.add({ url: `http://x.example/${ref('nobody')}` });
    await expect(dangling).rejects.toThrow('it refers to nobody, and there is no such entry');
    await expect(outbox.add({ id: 'me', url: `http://x.example/${ref('me')}` })).rejects.toThrow('refers to itself');
  });

  test('the resolved request is frozen at its first sending', async () => {
    const server = await api();
    server.trouble = (index) => (index === 1 ? 'lost' : undefined);
    const storage = memoryStorage();
    const first = open({ storage });
    await first.outbox.add({ id: 'o', url: `${server.url}/x`, json: {} });
    await first.outbox.add({ id: 'l', url: `${server.url}/x/${ref('o')}`, json: { o: ref('o') } });
    await first.outbox.drain();
    // The answer to the first sending of `l` is lost, and before the second the map is damaged.
    const row = await storage.read('o');
    const data = row?.data.replace('"serverId":1', '"serverId":999') ?? '';
    expect(data).toContain('"serverId":999');
    await storage.commit({ rows: [{ id: 'o', lane: 'main', state: 'done', data, seen: row?.revision ?? 0 }] });
    await open({ storage }).outbox.drained();
    expect(server.came.map(({ path }) => path)).toEqual(['/x', '/x/1', '/x/1']);
    expect(server.made).toHaveLength(2);
  });
});

describe('what fails', () => {
  test('a refused entry stops; only its dependants park, in its own lane too; retried with a new key they all go', async () => {
    const server = await api();
    const { outbox, events } = open();
    await outbox.add({ id: 'bad', url: `${server.url}/refuse`, json: { bad: true } });
    await outbox.add({ id: 'child', url: `${server.url}/x/${ref('bad')}`, json: {} });
    await outbox.add({ id: 'grandchild', lane: 'b', url: `${server.url}/x/${ref('child')}`, json: {} });
    await outbox.add({ id: 'free', url: `${server.url}/free`, json: {} });
    await outbox.drained();
    expect(await reasons(outbox)).toEqual([['bad', 'refused', 'none']]);
    expect((await outbox.list('parked')).map(({ id }) => id).toSorted()).toEqual(['child', 'grandchild']);
    expect(server.made.map(({ path }) => path)).toEqual(['/free']);
    expect(events).toContainEqual({ kind: 'parked', id: 'child', behind: 'bad' });
    await outbox.edit('bad', (request) => ({ ...request, url: `${server.url}/good`, body: '{"good":true}' }));
    await outbox.drained();
    expect(server.made.map(({ path }) => path)).toEqual(['/free', '/good', '/x/2', '/x/3']);
    expect(new Set(server.came.map(({ key }) => key)).size).toBe(server.came.length);
  });

  test('a stored server error keeps its key and is not taken for nothing', async () => {
    const server = await api();
    const { outbox } = open();
    const { id, key } = await outbox.add({ url: `${server.url}/break`, json: {} });
    await outbox.drained();
    expect(await reasons(outbox)).toEqual([[id, 'failed', 'unknown']]);
    await expect(outbox.edit(id, (request) => request)).rejects.toSatisfy(coded('effect_unknown'));
    await outbox.retry(id);
    await outbox.drained();
    expect(new Set(server.came.map((one) => one.key))).toEqual(new Set([`"${key}"`]));
    await outbox.settle(id, 'looked-up');
    expect(await outbox.serverId(id)).toBe('looked-up');
  });

  test('a refusal after a lost reply is not known to be without effect: the key stays', async () => {
    const server = await api();
    server.trouble = (index) => (index === 0 ? 'lost' : index === 1 ? { status: 403 } : undefined);
    const { outbox } = open();
    const { id } = await outbox.add({ url: `${server.url}/x`, json: {} });
    await outbox.drained();
    expect(await reasons(outbox)).toEqual([[id, 'refused', 'unknown']]);
    await outbox.retry(id);
    await outbox.drained();
    expect(await outbox.result(id)).toMatchObject({ kind: 'done', result: { replayed: true } });
    expect(server.made).toHaveLength(1);
  });

  test('a server that fails again and again is given up; being offline, or a server that is away, is not', async () => {
    const server = await api();
    server.trouble = (index) => (index < 4 ? 'cut' : { status: index < 9 ? 503 : 500 });
    const { outbox } = open({ maxRefusals: 3 });
    const { id } = await outbox.add({ url: `${server.url}/x`, json: {} });
    await outbox.drained();
    expect(await reasons(outbox)).toEqual([[id, 'gave_up', 'unknown']]);
    expect(server.came).toHaveLength(12);
  });

  test('a server that is away is not asked once for each lane', async () => {
    const server = await api();
    server.trouble = () => ({ status: 503, headers: { 'retry-after': '60' } });
    const { outbox } = open({ concurrency: 1 });
    for (let n = 0; n < 20; n += 1) await outbox.add({ lane: `${n}`, url: `${server.url}/x`, json: n });
    await outbox.drain();
    expect(server.came).toHaveLength(3);
  });

  test('lanes whose requests never arrive starve no other lane', async () => {
    const server = await api();
    server.trouble = (_index, path) => (path === '/cursed' ? 'cut' : undefined);
    const { outbox } = open({ concurrency: 1 });
    for (const lane of ['a', 'b', 'c', 'd']) await outbox.add({ lane, url: `${server.url}/cursed`, json: lane });
    await outbox.add({ id: 'fine', lane: 'z', url: `${server.url}/x`, json: 1 });
    const drainAndLook = async () => {
      await outbox.drain();
      return (await outbox.read('fine'))?.state;
    };
    await expect.poll(drainAndLook).toBe('done');
  });

  test('one older than the server’s retention stops and asks; sent again only when told so', async () => {
    const server = await api({ echo: true, retentionMs: 3_600_000 });
    let nowMs = 1_000_000;
    const clock = {
      nowMs: () => nowMs,
      monotonicMs: () => performance.now(),
      after: (delayMs: number, fire: () => void) => {
        const timer = setTimeout(fire, delayMs);
        return () => clearTimeout(timer);
      },
    };
    const storage = memoryStorage();
    const { outbox } = open({ clock, storage });
    await outbox.add({ id: 'first', url: `${server.url}/x`, json: {} });
    await outbox.drain();
    server.trouble = () => 'lost';
    await outbox.add({ id: 'old', url: `${server.url}/x`, json: {} });
    await outbox.drain();
    server.trouble = () => undefined;
    // A fresh page knows the advertised hour; the default would be a day.
    nowMs += 2 * 3_600_000;
    const later = open({ clock, storage });
    await later.outbox.drained();
    expect(await reasons(later.outbox)).toEqual([['old', 'too_old', 'unknown']]);
    await expect(later.outbox.retry('old')).rejects.toSatisfy(coded('effect_unknown'));
    await later.outbox.retry('old', { evenIfItTookEffect: true });
    expect((await later.outbox.drained()).dead.entries).toBe(0);
  });

  test('what is discarded or has no id stops what refers to it', async () => {
    const server = await api();
    server.trouble = (_index, path) => (path === '/nothing' ? { status: 204 } : undefined);
    const { outbox } = open();
    await outbox.add({ id: 'bad', url: `${server.url}/refuse`, json: {} });
    await outbox.add({ id: 'child', url: `${server.url}/x`, json: { of: ref('bad') } });
    await outbox.add({ id: 'nameless', url: `${server.url}/nothing`, json: {} });
    await outbox.add({ id: 'after', url: `${server.url}/x`, json: {}, after: ['nameless'] });
    await outbox.add({ id: 'of', url: `${server.url}/x`, json: { of: ref('nameless') } });
    await outbox.drained();
    await outbox.discard('bad');
    await outbox.drained();
    expect(await reasons(outbox)).toEqual([
      ['child', 'ref_missing', 'none'],
      ['of', 'ref_missing', 'none'],
    ]);
    expect((await outbox.read('after'))?.state).toBe('done');
    await expect(outbox.result('bad')).rejects.toSatisfy(coded('entry_unknown'));
  });

  test('a damaged entry stops with its text kept; the lane goes on', async () => {
    const server = await api();
    const { outbox, storage } = open();
    await storage.commit({ rows: [{ id: 'hurt', lane: 'main', state: 'open', data: '{"key":', seen: 0 }] });
    await outbox.add({ url: `${server.url}/x`, json: {} });
    await outbox.drained();
    expect(await reasons(outbox)).toEqual([['hurt', 'unreadable', 'unknown']]);
    expect((await outbox.read('hurt'))?.body).toBe('{"key":');
    expect(server.made).toHaveLength(1);
    await outbox.discard('hurt');
    expect((await outbox.usage()).dead.entries).toBe(0);
  });

  test('a storage that fails while draining is told, and nothing is lost', async () => {
    const server = await api();
    const storage = memoryStorage();
    let full = false;
    const failing: OutboxStorage = {
      ...storage,
      commit: async (commit) => {
        if (full && commit.rows !== undefined) throw new ClientError('storage_full', 'full', { storage: 'x' });
        return storage.commit(commit);
      },
    };
    const { outbox, events } = open({ storage: failing });
    await outbox.add({ url: `${server.url}/x`, json: {} });
    full = true;
    await expect(outbox.add({ url: `${server.url}/x`, json: {} })).rejects.toSatisfy(coded('storage_full'));
    await outbox.drain();
    expect(events.at(-1)).toMatchObject({ kind: 'drain-failed', error: { code: 'storage_full' } });
    full = false;
    expect((await outbox.drained()).done.entries).toBe(1);
    expect(server.made).toHaveLength(1);
  });
});

describe('answers that are not the server’s', () => {
  const portal = { status: 200, headers: { 'content-type': 'text/html' }, body: '<html>Welcome to the hotel</html>' };

  test.each([
    ['a page', portal, 'checked'],
    ['a redirect', { status: 302, headers: { location: 'http://portal.example' } }, 'checked'],
    ['an answer for another key', { status: 201, headers: { 'idempotency-key': '"other"' } }, 'checked'],
    ['JSON without an echo, where one is required', { status: 200, body: '{"id":7}' }, 'required'],
    ['a refusal without an echo, where one is required', { status: 403 }, 'required'],
  ] as const)('%s is not taken for one: it is sent again', async (_name, answer, echo) => {
    const server = await api({ echo: true });
    server.trouble = (index) => (index === 0 ? answer : undefined);
    const { outbox, events } = open({ echo });
    const { id } = await outbox.add({ url: `${server.url}/x`, json: {} });
    await outbox.drained();
    expect(await outbox.serverId(id)).toBe(1);
    expect(events).toContainEqual(expect.objectContaining({ kind: 'later', why: 'captive' }));
    expect(new Set(server.came.map(({ key }) => key)).size).toBe(1);
  });
});

describe('before the first sending', () => {
  test('an entry can be cancelled, edited and coalesced; after it no more', async () => {
    const server = await api();
    const { outbox } = open();
    const cart: NewEntry = { url: `${server.url}/cart`, coalesce: 'cart' };
    const first = await outbox.add({ ...cart, json: 1 });
    const second = await outbox.add({ ...cart, json: 2 });
    expect([second.id, second.key, second.body]).toEqual([first.id, first.key, '2']);
    await outbox.add({ ...cart, lane: 'other', json: 'other lane' });
    const gone = await outbox.add({ url: `${server.url}/x`, json: 'gone' });
    await outbox.cancel(gone.id);
    await outbox.edit(second.id, (request) => ({ ...request, body: '3' }));
    await outbox.drained();
    expect(server.made.map(({ body }) => body).toSorted()).toEqual(['"other lane"', '3']);
    await expect(outbox.cancel(first.id)).rejects.toSatisfy(coded('entry_state'));
    const third = await outbox.add({ ...cart, json: 4 });
    expect(third.id).not.toBe(first.id);
  });

  test('an entry that was sent and may have arrived is neither cancelled nor edited', async () => {
    const server = await api();
    server.trouble = () => 'lost';
    const { outbox } = open({ minDelayMs: 60_000, maxDelayMs: 60_000 });
    const { id } = await outbox.add({ url: `${server.url}/x`, json: 1 });
    await outbox.drain();
    expect(await outbox.read(id)).toMatchObject({ state: 'open', sends: 1 });
    await expect(outbox.cancel(id)).rejects.toSatisfy(coded('entry_state'));
    await expect(outbox.edit(id, (request) => ({ ...request, body: '2' }))).rejects.toSatisfy(coded('entry_state'));
    expect(await outbox.read(id)).toMatchObject({ state: 'open', body: '1' });
  });

  test('adding the same under the same id is one entry; something else under it is refused', async () => {
    const server = await api();
    const { outbox } = open();
    const entry = { id: 'order-1', url: `${server.url}/x`, json: { a: 1 } };
    const [one, two] = [await outbox.add(entry), await outbox.add(entry)];
    expect(two.key).toBe(one.key);
    await outbox.drained();
    expect((await outbox.add(entry)).state).toBe('done');
    await expect(outbox.add({ ...entry, json: { a: 2 } })).rejects.toThrow('order-1 is the id of another entry');
    expect(server.made).toHaveLength(1);
  });

  test('limits on entries and bytes refuse the next one, clearly', async () => {
    const { outbox } = open({ maxEntries: 2, maxBytes: 3000 });
    const url = 'http://x.example';
    await outbox.add({ url, json: 1 });
    await expect(outbox.add({ url, json: 'x'.repeat(3000) })).rejects.toThrow('(3000 bytes)');
    await outbox.add({ url, json: 2 });
    await expect(outbox.add({ url, json: 3 })).rejects.toSatisfy(coded('outbox_full'));
    expect((await outbox.usage()).open.entries).toBe(2);
  });

  test.each<[string, NewEntry]>([
    ['url: "/x" is no URL', { url: '/x' }],
    ['method: GET changes nothing', { method: 'get', url: 'http://x.example' }],
    ['body: give json or body', { url: 'http://x.example', json: 1, body: 'x' }],
    ['json: it has no JSON form', { url: 'http://x.example', json: () => 1 }],
    ['headers.idempotency-key: the outbox writes it', { url: 'http://x.example', headers: { 'Idempotency-Key': 'k' } }],
    ['headers: ', { url: 'http://x.example', headers: { 'a b': 'x' } }],
    ['id: give text', { id: ' ', url: 'http://x.example' }],
  ])('%s', async (message, entry) => {
    await expect(open().outbox.add(entry)).rejects.toThrow(`[entry_invalid] ${message}`);
  });
});

describe('several on one storage', () => {
  test('drain at once and send each entry once', async () => {
    const server = await api();
    const storage = memoryStorage();
    const tabs = [open({ storage }), open({ storage }), open({ storage })];
    for (let n = 0; n < 30; n += 1)
      await tabs[n % 3]?.outbox.add({ lane: `${n % 4}`, url: `${server.url}/x`, json: n });
    await Promise.all(tabs.map(({ outbox }) => outbox.drained()));
    expect(server.came).toHaveLength(30);
    expect(server.made).toHaveLength(30);
  });

  test('a frozen one never blocks the others, and changes nothing when it wakes', async () => {
    const server = await api();
    const storage = memoryStorage();
    // The first drainer stands still in the middle of a request and is replaced when its lease is over.
    let thaw = (): void => undefined;
    const frozen = open({
      storage,
      leaseMs: 60,
      fetch: (url, init) =>
        new Promise((resolve) => {
          thaw = () => resolve(fetch(url, init));
        }),
      clock: stoppable(),
    });
    await frozen.outbox.add({ id: 'a', url: `${server.url}/x`, json: {} });
    const draining = frozen.outbox.drain();
    await expect.poll(async () => (await storage.read('a'))?.revision).toBe(2);
    stopped = true;
    const other = open({ storage, leaseMs: 60 });
    await expect.poll(async () => (await other.outbox.drained()).done.entries).toBe(1);
    await other.outbox.add({ id: 'b', url: `${server.url}/x`, json: {} });
    thaw();
    await draining;
    stopped = false;
    expect((await other.outbox.drained()).done.entries).toBe(2);
    expect(server.made).toHaveLength(2);
  });

  test('one that lost its turn while it got credentials does not send', async () => {
    const server = await api();
    const storage = memoryStorage();
    let give = (): void => undefined;
    const credentials = () =>
      new Promise<Record<string, string>>((resolve) => {
        give = () => resolve({});
      });
    const slow = open({ storage, leaseMs: 40, credentials, clock: stoppable() });
    await slow.outbox.add({ url: `${server.url}/x`, json: {} });
    stopped = true;
    const draining = slow.outbox.drain();
    await expect
      .poll(async () => leaseEnd(await storage.note('lease')))
      .toSatisfy((untilMs: number) => untilMs < Date.now());
    give();
    await draining;
    stopped = false;
    expect(server.came).toHaveLength(0);
  });

  test('credentials that never come are given up', async () => {
    const server = await api();
    const { outbox, events } = open({ attemptTimeoutMs: 30, credentials: () => new Promise(() => undefined) });
    await outbox.add({ url: `${server.url}/x`, json: {} });
    await outbox.drain();
    expect(events.at(-1)).toMatchObject({ kind: 'later', why: 'credentials' });
    expect(server.came).toHaveLength(0);
  });

  test('a result can be awaited by another one, and again after a reload', async () => {
    const server = await api();
    const storage = memoryStorage();
    const one = open({ storage });
    const { id } = await one.outbox.add({ url: `${server.url}/x`, json: {} });
    const awaited = open({ storage }).outbox.result(id);
    await one.outbox.drained();
    expect(await awaited).toMatchObject({ kind: 'done', result: { status: 201, body: '{"id":1}' } });
    expect(await open({ storage }).outbox.result(id)).toMatchObject({ kind: 'done' });
    const never = await one.outbox.add({ url: `${server.url}/x`, json: {} });
    await expect(one.outbox.result(never.id, AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
    const gone = one.outbox.result(never.id);
    await one.outbox.cancel(never.id);
    await expect(gone).rejects.toSatisfy(coded('entry_gone'));
  });
});

/** When the lease ends; never, as long as there is none. */
function leaseEnd(note: string | undefined): number {
  return note === undefined ? Number.POSITIVE_INFINITY : (JSON.parse(note) as { untilMs: number }).untilMs;
}

// A frozen tab: its timers do not fire.
let stopped = false;
function stoppable() {
  return {
    nowMs: () => Date.now(),
    monotonicMs: () => performance.now(),
    after(delayMs: number, fire: () => void) {
      const timer = setTimeout(() => {
        if (!stopped) fire();
      }, delayMs);
      return () => clearTimeout(timer);
    },
  };
}

describe('versions', () => {
  test('an unsent entry is upgraded, a newer one waits for a newer program', async () => {
    const server = await api();
    const storage = memoryStorage();
    const old = open({ storage });
    await old.outbox.add({ id: 'o', url: `${server.url}/v1/orders`, json: {} });
    await old.outbox.add({ id: 'l', url: `${server.url}/v1/lines`, json: { o: ref('o') } });
    const next = open({
      storage,
      version: 2,
      upgrade: (request, from) => ({ ...request, url: request.url.replace(`/v${from}/`, '/v2/') }),
    });
    await next.outbox.add({ id: 'new', url: `${server.url}/v2/x`, json: {} });
    await next.outbox.drained();
    expect(server.made.map(({ path }) => path)).toEqual(['/v2/orders', '/v2/lines', '/v2/x']);
    expect(server.made[1]?.body).toBe('{"o":1}');
    await next.outbox.add({ id: 'later', url: `${server.url}/v2/later`, json: {} });
    await old.outbox.drain();
    expect((await old.outbox.read('later'))?.sends).toBe(0);
  });

  test('an upgrade that throws stops the entry and loses nothing', async () => {
    const server = await api();
    const storage = memoryStorage();
    await open({ storage }).outbox.add({ id: 'o', url: `${server.url}/x`, json: 1 });
    const upgrade = () => {
      throw new Error('cannot');
    };
    const { outbox } = open({ storage, version: 2, upgrade });
    await outbox.drained();
    expect((await outbox.read('o'))?.failure?.detail).toContain('cannot');
    const mended = open({ storage, version: 2, upgrade: (request) => ({ ...request, body: '2' }) });
    await mended.outbox.retry('o');
    await mended.outbox.drained();
    expect(server.made.map(({ body }) => body)).toEqual(['2']);
  });
});

describe('the picture', () => {
  test('follows what happens while somebody looks, and stays the same object meanwhile', async () => {
    const server = await api();
    const { outbox } = open();
    const unsubscribe = outbox.subscribe(() => undefined);
    expect(outbox.snapshot()).toBe(outbox.snapshot());
    const { id } = await outbox.add({ url: `${server.url}/x`, json: {}, meta: { label: 'Espresso' } });
    await expect.poll(() => outbox.snapshot().entries[0]?.meta).toEqual({ label: 'Espresso' });
    await outbox.drained();
    await expect.poll(() => outbox.snapshot().usage?.done.entries).toBe(1);
    expect(outbox.snapshot().entries).toMatchObject([{ id, state: 'done', sending: false }]);
    unsubscribe();
  });

  test('done entries are pruned by age and number', async () => {
    const server = await api();
    const { outbox } = open({ maxDone: 3 });
    for (let n = 0; n < 8; n += 1) await outbox.add({ id: `${n}`, url: `${server.url}/x`, json: n });
    await outbox.drained();
    expect((await outbox.list('done')).map(({ id }) => id)).toEqual(['5', '6', '7']);
  });
});

test('background sync is asked for where there is one, and refused without harm', async () => {
  const tags: string[] = [];
  const sync = { register: async (tag: string) => void tags.push(tag) };
  expect(await backgroundSync({ sync })).toBe(true);
  expect(await backgroundSync({ sync: { register: () => Promise.reject(new Error('denied')) } })).toBe(false);
  expect(await backgroundSync({})).toBe(false);
  expect(tags).toEqual(['oncekey-outbox']);
});

test('a wrong option is named', () => {
  expect(() => createOutbox({ storage: memoryStorage(), concurrency: 0 })).toThrow('createOutbox: options.concurrency');
  expect(() => createOutbox({} as OutboxOptions)).toThrow('createOutbox: options.storage');
});
