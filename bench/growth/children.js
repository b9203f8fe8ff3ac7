/** Stores on places of their own, each in a process, filled with records that they have completed. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPrivateServer } from '../harness/private-server.js';
import { startChild } from '../harness/process.js';
import { progress } from '../harness/progress.js';
import { startRedis } from '../harness/redis.js';

/**
 * @typedef {import('../harness/process.js').Child} Child
 * @typedef {'sqlite' | 'redis' | 'redis-hz-100' | 'postgres'} Store
 *
 * @typedef {object} Effort
 * @property {boolean} quick
 * @property {number} records How many are very many.
 * @property {<T>(act: () => Promise<T>) => Promise<T>} quietly Runs what is measured: others can be made to wait meanwhile.
 *
 * @typedef {object} Place
 * @property {string} at Path or address, as `servers/growth.js` takes it.
 * @property {() => void | Promise<void>} remove
 */

/** @type {Record<Store, () => Place | Promise<Place>>} */
const newPlaces = {
  sqlite() {
    const folder = mkdtempSync(join(tmpdir(), 'oncekey-growth-'));
    return { at: join(folder, 'records.db'), remove: () => rmSync(folder, { recursive: true, force: true }) };
  },
  redis: () => newRedis({}),
  // It removes a quarter of the time; this makes a hundred short times of ten long ones.
  'redis-hz-100': () => newRedis({ hz: '100' }),
  async postgres() {
    const { url, stop } = await startPrivateServer('postgres', 'ONCEKEY_POSTGRES_URL');
    return { at: url, remove: stop };
  },
};

/**
 * @param {Readonly<Record<string, string>>} settings
 * @returns {Promise<Place>}
 */
async function newRedis(settings) {
  // Whether the server removes what has expired is switched on and off.
  const { port, end } = await startRedis({ 'enable-debug-command': 'local', ...settings });
  return { at: String(port), remove: end };
}

/**
 * Opens places of `store`, one for each list of contenders, which are started on it together, each in a process.
 * @template T
 * @param {Store} store
 * @param {readonly (readonly string[])[]} contenders Names in `servers/growth.js`.
 * @param {(children: Child[]) => Promise<T>} use
 * @returns {Promise<T>}
 */
export async function withChildren(store, contenders, use) {
  /** @type {Place[]} */
  const places = [];
  /** @type {Child[]} */
  const children = [];
  try {
    for (const names of contenders) {
      const place = await newPlaces[store]();
      places.push(place);
      for (const name of names) {
        const child = await startChild('servers/growth.js', [name, place.at]);
        children.push(child);
        await child.ask({ task: 'open' });
      }
    }
    return await use(children);
  } finally {
    for (const child of children) child.end();
    for (const { remove } of places) await remove();
  }
}

const atOnce = 20_000;

/**
 * Completes `count` records more, and has the server write out and clear up what it put off.
 * @param {string} title
 * @param {Child | undefined} child
 * @param {number} count
 * @param {number} [retentionMs] Unless it is short, a sample of them is read and replayed.
 */
export async function fill(title, child, count, retentionMs) {
  const bar = progress(`${title}, filling`, Math.ceil(count / atOnce));
  for (let left = count; left > 0; left -= atOnce) {
    await child?.ask({ task: 'fill', count: Math.min(left, atOnce), concurrency: 256, retentionMs });
    bar.step(`${count - Math.max(left - atOnce, 0)} of ${count} records`);
  }
  bar.end();
  await child?.ask({ task: 'settle' });
  if (retentionMs === undefined && count > 0) await child?.ask({ task: 'verify', count: 200 });
}
