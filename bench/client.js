/**
 * Adding to the outbox in Chromium beside a bare IndexedDB put of the same text, one after the other, each
 * awaited: what the key, the place in the lane, the counting and the revision cost. On a profile on disk.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { rolldown } from 'rolldown';
import { effort } from './harness/http.js';
import { playRounds, ratioOf, spreadOf } from './harness/rounds.js';

const executablePath = '/usr/bin/chromium';
const args = '--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking'.split(' ');
const durabilities = ['strict', 'relaxed'];

/** In the page: adds, or puts, one after the other for so long; answers how many a second. */
const code = `
  import { createOutbox } from 'oncekey/outbox';
  import { indexedDbStorage } from 'oncekey/outbox-indexeddb';
  const json = { sku: 'espresso', note: 'x'.repeat(200) };
  const databases = new Map();
  async function putting(durability) {
    if (!databases.has(durability)) databases.set(durability, await new Promise((resolve) => {
      const ask = indexedDB.open('bare-' + durability, 1);
      ask.onupgradeneeded = () => ask.result.createObjectStore('rows', { keyPath: 'id' });
      ask.onsuccess = () => resolve(ask.result);
    }));
    // What the outbox keeps of the same entry is about as long.
    const data = JSON.stringify(json) + 'x'.repeat(400);
    return () => new Promise((resolve, reject) => {
      const tx = databases.get(durability).transaction('rows', 'readwrite', { durability });
      tx.objectStore('rows').put({ id: crypto.randomUUID(), data });
      tx.oncomplete = resolve;
      tx.onabort = () => reject(tx.error);
    });
  }
  const outboxes = new Map();
  async function adding(durability) {
    if (!outboxes.has(durability)) outboxes.set(durability, createOutbox({
      storage: indexedDbStorage({ name: 'outbox-' + durability, durability }), automatic: false, maxEntries: 1e6, maxBytes: 1e9,
    }));
    const outbox = outboxes.get(durability);
    return () => outbox.add({ url: '/orders', json });
  }
  globalThis.measure = async (what, durability, durationMs) => {
    const once = await (what === 'put' ? putting : adding)(durability);
    const startMs = performance.now();
    let count = 0;
    for (; performance.now() - startMs < durationMs; count += 1) await once();
    return (count / (performance.now() - startMs)) * 1000;
  };`;

/**
 * @param {boolean} quick
 * @returns {Promise<import('./harness/report.js').Figure[]>}
 */
export async function client(quick) {
  if (!existsSync(executablePath)) throw new Error(`${executablePath} is missing; install Debian's package chromium`);
  const { rounds, roundMs } = effort(quick);
  const profile = mkdtempSync(join(tmpdir(), 'oncekey-bench-'));
  const page = await servePage(await bundled());
  const browser = await chromium.launchPersistentContext(profile, { executablePath, args });
  try {
    const tab = await browser.newPage();
    await tab.goto(page.url);
    await tab.waitForFunction('globalThis.measure');
    const contenders = durabilities.flatMap((durability) =>
      ['put', 'add'].map((what) => ({
        name: `${what} ${durability}`,
        measure: () => tab.evaluate(`measure('${what}', '${durability}', ${roundMs})`),
      })),
    );
    const rates = await playRounds('client', contenders, rounds);
    return durabilities.map((durability) => figureOf(rates, durability, rounds));
  } finally {
    await browser.close();
    page.close();
    rmSync(profile, { recursive: true, force: true });
  }
}

/**
 * How many times longer an add takes than a put.
 * @param {Map<string, number[]>} rates
 * @param {string} durability
 * @param {number} rounds
 * @returns {import('./harness/report.js').Figure}
 */
function figureOf(rates, durability, rounds) {
  const [put, add] = [`put ${durability}`, `add ${durability}`];
  const { median, min, max } = ratioOf(rates, put, add);
  const rateOf = (/** @type {string} */ name) => spreadOf(rates.get(name) ?? []).median;
  return {
    name: 'client',
    metric: `time of an add, ${durability}`,
    ratio: median,
    min,
    max,
    rounds,
    baseline: 'bare put',
    rate: rateOf(add),
    baselineRate: rateOf(put),
    goal: 2,
    better: 'lower',
  };
}

async function bundled() {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const bundle = await rolldown({
    input: 'page',
    cwd: root,
    platform: 'browser',
    plugins: [
      {
        name: 'page',
        resolveId: (/** @type {string} */ id) => (id === 'page' ? join(root, 'bench/page.js') : null),
        load: (/** @type {string} */ id) => (id.endsWith('bench/page.js') ? code : null),
      },
    ],
  });
  const { output } = await bundle.generate({ format: 'esm' });
  return output[0].code;
}

/** @param {string} script */
async function servePage(script) {
  const server = createServer((request, response) => {
    const isScript = request.url === '/bundle.js';
    response.setHeader('Content-Type', isScript ? 'text/javascript' : 'text/html');
    response.end(isScript ? script : '<!doctype html><script type="module" src="/bundle.js"></script>');
  });
  await new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(undefined));
  });
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return { url: `http://127.0.0.1:${port}`, close: () => server.close() };
}
