/**
 * The outbox in a real browser, behind the real gateway: reloads, killed and frozen tabs,
 * two tabs at once, lost replies, a full and a damaged storage; each effect once (I16).
 */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startChromium } from './chromium.ts';
import { startSetting, type Setting } from './setting.ts';

// What the page offers to the tests; the functions below run in it and see only this.
const entry = `
  import { idempotentFetch } from './index.ts';
  import { createOutbox, ref } from './outbox/index.ts';
  import { indexedDbStorage } from './outbox/storages/indexeddb.ts';
  import { outboxStorageContract } from './outbox/contract.ts';
  globalThis.idempotentFetch = idempotentFetch;
  globalThis.ref = ref;
  globalThis.indexedDbStorage = indexedDbStorage;
  globalThis.contract = outboxStorageContract;
  globalThis.online = false;
  globalThis.open = (options = {}) => {
    globalThis.failures = [];
    globalThis.outbox = createOutbox({
      storage: indexedDbStorage({ name: 'till' }), echo: 'required', credentials: () => ({ 'x-tenant': 'cafe-7' }),
      minDelayMs: 20, maxDelayMs: 200, intervalMs: 500, attemptTimeoutMs: 3000, leaseMs: 2000,
      online: () => globalThis.online, onEvent: (event) => event.error && failures.push(String(event.error)), ...options,
    });
  };
  globalThis.ready = true;`;

// A service worker on the same storage; it drains when the browser says so, and has no page.
const worker = `
  import { createOutbox, drainOnSync } from './outbox/index.ts';
  import { indexedDbStorage } from './outbox/storages/indexeddb.ts';
  drainOnSync(self, createOutbox({
    storage: indexedDbStorage({ name: 'till' }), echo: 'required', credentials: () => ({ 'x-tenant': 'cafe-7' }),
    automatic: false, minDelayMs: 20, maxDelayMs: 200, leaseMs: 2000,
  }));
  self.addEventListener('install', () => self.skipWaiting());
  self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));`;

let browser: Browser;
let setting: Setting;
let context: BrowserContext;

beforeAll(async () => {
  [browser, setting] = await Promise.all([startChromium(), startSetting(entry, worker)]);
}, 300_000);
afterAll(async () => {
  await browser?.close();
  await setting?.close();
});
beforeEach(async () => {
  setting.effects.length = 0;
  setting.came.length = 0;
  setting.trouble = () => undefined;
  context = await browser.newContext();
});
afterEach(() => context.close());

async function openTab(): Promise<Page> {
  const tab = await context.newPage();
  await tab.goto(setting.url);
  await tab.waitForFunction('globalThis.ready');
  await run(tab, 'open()');
  return tab;
}

/** Runs code in the tab; its value has to be JSON. */
function run<T>(tab: Page, code: string): Promise<T> {
  return tab.evaluate<T>(`(async () => { ${code.includes('return') ? code : `return ${code}`} })()`);
}

const usage = (tab: Page) =>
  run<Record<'open' | 'parked' | 'dead' | 'done', number>>(
    tab,
    `const usage = await outbox.usage(); return Object.fromEntries(Object.entries(usage).map(([state, { entries }]) => [state, entries]))`,
  );

const goOnline = (tab: Page) => run<null>(tab, `online = true; dispatchEvent(new Event('online')); return null`);

// 5 orders, each with 3 later writes that refer to it: 20 entries in 5 lanes.
const addOrders = `
  for (let order = 0; order < 5; order += 1) {
    const lane = 'table-' + order;
    await outbox.add({ id: 'order-' + order, lane, url: '/orders', json: { order } });
    for (const line of [1, 2]) await outbox.add({ id: order + '-' + line, lane, url: '/orders/' + ref('order-' + order) + '/lines', json: { order: ref('order-' + order), line } });
    await outbox.add({ id: 'pay-' + order, lane, url: '/payments', json: { order: ref('order-' + order), amount: 100 } });
  }
  return null`;

function expectEachOrderOnce(): void {
  const orders = setting.effects.filter(({ path }) => path === '/orders');
  expect(setting.effects).toHaveLength(20);
  expect(orders.map(({ body }) => body).toSorted()).toEqual([0, 1, 2, 3, 4].map((order) => `{"order":${order}}`));
  for (const { id } of orders) {
    const later = setting.effects.filter(({ body }) => body.startsWith(`{"order":${id},`));
    expect(later.map(({ path }) => path)).toEqual([`/orders/${id}/lines`, `/orders/${id}/lines`, '/payments']);
    expect(later.map(({ body }) => (JSON.parse(body) as { line?: number }).line)).toEqual([1, 2, undefined]);
    expect(later.every((each) => each.id > id)).toBe(true);
  }
}

test('the storage keeps the contract', async () => {
  const tab = await openTab();
  const failed = await run<string[]>(
    tab,
    `const failed = [];
     for (const each of contract) {
       try { await each.run({ open: async (name) => indexedDbStorage({ name, durability: 'relaxed' }) }); }
       catch (error) { failed.push(each.id + ': ' + error); }
     }
     return failed`,
  );
  expect(failed).toEqual([]);
  expect(await run<number>(tab, 'contract.length')).toBeGreaterThanOrEqual(20);
});

test('the keyed fetch repeats a lost reply under its key, and takes no key elsewhere', async () => {
  const tab = await openTab();
  // A browser repeats a POST by itself when a connection that was used before breaks: once is not enough.
  setting.trouble = (index) => (index < 3 ? 'lost' : undefined);
  const post = (path: string) =>
    run<{ status?: number; idempotency?: { attempts: number }; code?: string }>(
      tab,
      `const send = idempotentFetch({ minDelayMs: 10 });
       try {
         const { status, idempotency } = await send('${path}', { method: 'POST', body: '{}', headers: { 'x-tenant': 'cafe-7' } });
         return { status, idempotency };
       } catch ({ code }) { return { code }; }`,
    );
  const sent = await post('/orders');
  expect(sent).toMatchObject({ status: 201, idempotency: { replayed: true, echoed: true, retentionMs: 86_400_000 } });
  expect(sent.idempotency?.attempts).toBeGreaterThan(1);
  expect(setting.effects).toHaveLength(1);
  expect(new Set(setting.came.map(({ key }) => key)).size).toBe(1);
  expect(await post('/moved')).toEqual({ code: 'redirected_elsewhere' });
}, 60_000);

describe('20 writes that depend on each other', () => {
  test('offline, reloaded, the tab killed mid-send, two tabs at once, every third reply lost: each effect once', async () => {
    let tab = await openTab();
    await run(tab, addOrders);
    expect(setting.came).toHaveLength(0);
    await tab.reload();
    await tab.waitForFunction('globalThis.ready');
    await run(tab, 'open()');
    expect((await usage(tab)).open).toBe(20);

    // The first requests hang; the tab dies with them under way.
    setting.trouble = () => 'hang';
    await goOnline(tab);
    await expect.poll(() => setting.came.length, { timeout: 20_000 }).toBeGreaterThan(0);
    await tab.goto('chrome://crash').catch(() => undefined);
    await tab.close();

    setting.trouble = (index) => (index % 3 === 0 ? 'lost' : undefined);
    tab = await openTab();
    const other = await openTab();
    await Promise.all([goOnline(tab), goOnline(other)]);
    await expect.poll(async () => (await usage(other)).done, { timeout: 40_000 }).toBe(20);
    expectEachOrderOnce();
    const ids = await run<number[]>(
      tab,
      `Promise.all([0, 1, 2, 3, 4].map((order) => outbox.serverId('order-' + order)))`,
    );
    expect(ids.toSorted((a, b) => a - b)).toEqual(
      setting.effects.filter(({ path }) => path === '/orders').map(({ id }) => id),
    );
    expect(await run<string[]>(tab, 'failures')).toEqual([]);
  }, 120_000);

  test('a frozen tab that holds the lock blocks nobody', async () => {
    const frozen = await openTab();
    await run(frozen, addOrders);
    setting.trouble = (index) => (index < 4 ? 'hang' : undefined);
    await goOnline(frozen);
    await expect.poll(() => setting.came.length, { timeout: 20_000 }).toBe(4);
    const session = await context.newCDPSession(frozen);
    await session.send('Debugger.enable');
    // Stopped by a debugger a page keeps its lock and its connections, and runs nothing.
    const paused = new Promise((resolve) => session.once('Debugger.paused', resolve));
    await session.send('Debugger.pause');
    await paused;
    const other = await openTab();
    await goOnline(other);
    await expect.poll(async () => (await usage(other)).done, { timeout: 40_000 }).toBe(20);
    expectEachOrderOnce();
    await session.send('Debugger.resume');
  }, 120_000);
});

test('a service worker drains at a background sync, while its page stays offline', async () => {
  const tab = await openTab();
  const session = await context.newCDPSession(tab);
  const registered = new Promise<string>((resolve) => {
    session.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
      if (registrations[0] !== undefined) resolve(registrations[0].registrationId);
    });
  });
  await session.send('ServiceWorker.enable');
  await run(
    tab,
    `await navigator.serviceWorker.register('/worker.js', { type: 'module' });
     await navigator.serviceWorker.ready;
     await outbox.add({ id: 'order', url: '/orders', json: 1 });
     await outbox.add({ url: '/lines', json: { of: ref('order') } }); return null`,
  );
  // The page itself stays offline throughout.
  const registrationId = await registered;
  const tag = 'oncekey-outbox';
  await session.send('ServiceWorker.dispatchSyncEvent', {
    origin: setting.url,
    registrationId,
    tag,
    lastChance: false,
  });
  await expect.poll(() => setting.effects.map(({ body }) => body), { timeout: 20_000 }).toEqual(['1', '{"of":1}']);
  await expect.poll(async () => (await usage(tab)).done).toBe(2);
}, 60_000);

test('a poison entry parks only its dependants; edited, all go', async () => {
  const tab = await openTab();
  await run(
    tab,
    `await outbox.add({ id: 'poison', url: '/refuse', json: 1 });
     await outbox.add({ id: 'child', url: '/x', json: { of: ref('poison') } });
     await outbox.add({ id: 'free', url: '/free', json: 2 });
     online = true; await outbox.drained(); return null`,
  );
  expect(await usage(tab)).toEqual({ open: 0, parked: 1, dead: 1, done: 1 });
  await run(
    tab,
    `await outbox.edit('poison', (request) => ({ ...request, url: location.origin + '/good' })); await outbox.drained(); return null`,
  );
  expect(await usage(tab)).toEqual({ open: 0, parked: 0, dead: 0, done: 3 });
  expect(setting.effects.map(({ path }) => path)).toEqual(['/free', '/good', '/x']);
}, 60_000);

test('1,000 entries drain with bounded memory', async () => {
  const tab = await openTab();
  const session = await context.newCDPSession(tab);
  const heapBytes = async (): Promise<number> => {
    await session.send('HeapProfiler.collectGarbage');
    return (await session.send('Runtime.getHeapUsage')).usedSize;
  };
  await run(
    tab,
    `open({ storage: indexedDbStorage({ name: 'many', durability: 'relaxed' }), concurrency: 8 });
     for (let at = 0; at < 1000; at += 50) await Promise.all(Array.from({ length: 50 }, (_, n) => outbox.add({ lane: 'lane-' + (n % 40), url: '/many', json: { n: at + n, text: 'x'.repeat(2000) } })));
     return null`,
  );
  const before = await heapBytes();
  await goOnline(tab);
  let most = 0;
  const look = async (): Promise<number> => {
    most = Math.max(most, await heapBytes());
    return (await usage(tab)).done;
  };
  await expect.poll(look, { timeout: 150_000, interval: 200 }).toBe(1000);
  expect(new Set(setting.effects.map(({ body }) => body)).size).toBe(1000);
  expect(setting.effects).toHaveLength(1000);
  // All of it at once would be 4 MB of text and more in objects.
  expect(most - before).toBeLessThan(3_000_000);
}, 200_000);

describe('a storage in trouble', () => {
  test('full: the next entry is refused with a clear error, and what is there is sent', async () => {
    const tab = await context.newPage();
    await tab.goto(setting.url);
    await tab.waitForFunction('globalThis.ready');
    const session = await context.newCDPSession(tab);
    // Before the first use: the browser remembers for a while how much room there is.
    await session.send('Storage.overrideQuotaForOrigin', { origin: setting.url, quotaSize: 2_000_000 });
    await run(tab, 'open()');
    await run(tab, `await outbox.add({ id: 'first', url: '/x', json: 1 }); return null`);
    const error = await run<{ code: string; message: string } | null>(
      tab,
      `for (let n = 0; n < 50; n += 1) {
         const text = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(60_000))));
         try { await outbox.add({ id: 'big-' + n, url: '/x', json: text }); }
         catch ({ code, message }) { return { code, message }; }
       }
       return null`,
    );
    expect(error).toMatchObject({ code: 'storage_full', message: expect.stringContaining('no room left') });
    const kept = (await usage(tab)).open;
    expect(kept).toBe(await run<number>(tab, `(await outbox.list('open')).length`));
    await session.send('Storage.overrideQuotaForOrigin', { origin: setting.url });
    await goOnline(tab);
    await expect.poll(async () => (await usage(tab)).done, { timeout: 30_000 }).toBe(kept);
    expect(setting.effects).toHaveLength(kept);
  }, 60_000);

  test('damaged: the entry stops with its text kept, the others go', async () => {
    const tab = await openTab();
    await run(
      tab,
      `await outbox.add({ id: 'hurt', url: '/x', json: 1 });
       await outbox.add({ id: 'whole', url: '/x', json: 2 });
       const db = await new Promise((resolve) => { const ask = indexedDB.open('till'); ask.onsuccess = () => resolve(ask.result); });
       const rows = db.transaction('rows', 'readwrite').objectStore('rows');
       await new Promise((resolve) => { const ask = rows.get('hurt'); ask.onsuccess = () => { rows.put({ ...ask.result, data: '{"torn' }).onsuccess = resolve; }; });
       db.close(); online = true; await outbox.drained(); return null`,
    );
    const dead = await run<unknown>(tab, `outbox.list('dead')`);
    expect(dead).toMatchObject([{ id: 'hurt', body: '{"torn', failure: { reason: 'unreadable' } }]);
    expect(setting.effects.map(({ body }) => body)).toEqual(['2']);
  }, 60_000);

  test('of a newer program: refused with both versions, and left as it is', async () => {
    const tab = await openTab();
    const error = await run<{ code: string; message: string }>(
      tab,
      `await new Promise((resolve) => { const ask = indexedDB.open('newer', 7); ask.onsuccess = () => { ask.result.close(); resolve(); }; });
       open({ storage: indexedDbStorage({ name: 'newer' }) });
       try { await outbox.add({ url: '/x', json: 1 }); } catch ({ code, message }) { return { code, message }; }`,
    );
    expect(error.code).toBe('storage_unusable');
    expect(error.message).toMatch(/version \(1\).*version \(7\)/);
  }, 60_000);
});
