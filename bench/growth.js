/**
 * Whether a store stays as quick as it was: the same load beside few and beside very many
 * finished records, and the slowest claims while a great number of expired records is swept
 * by the process that serves.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { effort } from './harness/http.js';
import { startPrivateServer } from './harness/private-server.js';
import { startChild } from './harness/process.js';
import { startRedis } from './harness/redis.js';
import { playRounds, ratioOf, spreadOf } from './harness/rounds.js';

/**
 * @typedef {import('./harness/report.js').Figure} Figure
 * @typedef {import('./harness/process.js').Child} Child
 *
 * @typedef {object} Place
 * @property {string} at Path or address, as `servers/growth.js` takes it.
 * @property {() => void | Promise<void>} remove
 *
 * @typedef {object} Subject
 * @property {string} name
 * @property {() => Place | Promise<Place>} newPlace Empty, of its own.
 * @property {boolean} sweeps Whether expired records are removed by the process that serves.
 */

/** @type {readonly Subject[]} */
const subjects = [
  { name: 'sqlite', newPlace: newFolder, sweeps: true },
  { name: 'redis', newPlace: newRedis, sweeps: false },
  { name: 'postgres', newPlace: newPostgres, sweeps: true },
];

const few = 10_000;
const concurrency = 64;
/** Few enough that a claim waits for the store, not for its neighbours. */
const sweptConcurrency = 16;
const tasks = /** @type {const} */ (['pairs', 'replays']);

/**
 * @param {boolean} quick With a tenth of the records.
 * @returns {Promise<Figure[]>}
 */
export async function growth(quick) {
  const many = quick ? 100_000 : 1_000_000;
  /** @type {Figure[]} */
  const figures = [];
  for (const subject of subjects) {
    figures.push(...(await besideMany(subject, many, quick)));
    if (subject.sweeps) figures.push(await whileSweeping(subject, many, quick));
  }
  return figures;
}

/**
 * @param {Subject} subject
 * @param {number} many
 * @param {boolean} quick
 * @returns {Promise<Figure[]>}
 */
async function besideMany(subject, many, quick) {
  const { rounds, roundMs } = effort(quick);
  return withChildren(subject, 2, async ([small, large]) => {
    await small?.ask({ task: 'fill', count: few, concurrency: 256 });
    await large?.ask({ task: 'fill', count: many, concurrency: 256 });
    const contenders = tasks.flatMap((task) =>
      [small, large].map((child) => ({
        name: `${task} ${child === small ? few : many}`,
        async measure() {
          const measured = await child?.ask({ task, concurrency, durationMs: roundMs });
          return (measured.count / measured.elapsedMs) * 1000;
        },
      })),
    );
    const rates = await playRounds(`growth, ${subject.name}`, contenders, rounds);
    return tasks.map((task) => {
      const [ours, baseline] = [`${task} ${many}`, `${task} ${few}`];
      const { median, min, max } = ratioOf(rates, ours, baseline);
      const rate = spreadOf(rates.get(ours) ?? []).median;
      const baselineRate = spreadOf(rates.get(baseline) ?? []).median;
      return {
        name: `growth-${subject.name}`,
        metric: `${task} beside ${many}`,
        ratio: median,
        min,
        max,
        rounds,
        baseline: `beside ${few}`,
        rate,
        baselineRate,
        goal: 0.9,
        better: /** @type {const} */ ('higher'),
      };
    });
  });
}

/**
 * @param {Subject} subject
 * @param {number} many
 * @param {boolean} quick
 * @returns {Promise<Figure>}
 */
async function whileSweeping(subject, many, quick) {
  const { rounds, roundMs } = effort(quick);
  return withChildren(subject, 1, async ([child]) => {
    await child?.ask({ task: 'fill', count: many, concurrency: 256, retentionMs: 1 });
    let removed = 0;
    const contenders = [false, true].map((sweeping) => ({
      name: sweeping ? 'sweeping' : 'idle',
      async measure() {
        const seen = await child?.ask({ task: 'pairs', concurrency: sweptConcurrency, durationMs: roundMs, sweeping });
        removed += seen.removed ?? 0;
        if (sweeping && seen.removed === 0) throw new Error(`nothing was left to sweep after ${removed} records`);
        return seen.p99Ms;
      },
    }));
    const p99s = await playRounds(`growth, ${subject.name}, sweeping`, contenders, rounds);
    const { median, min, max } = ratioOf(p99s, 'sweeping', 'idle');
    return {
      name: `growth-${subject.name}`,
      metric: `p99 of a pair while ${many} expired are swept`,
      ratio: median,
      min,
      max,
      rounds,
      baseline: 'p99 without',
      p99Ms: spreadOf(p99s.get('sweeping') ?? []).median,
      baselineP99Ms: spreadOf(p99s.get('idle') ?? []).median,
      goal: 2,
      better: /** @type {const} */ ('lower'),
    };
  });
}

/**
 * @template T
 * @param {Subject} subject
 * @param {number} count
 * @param {(children: Child[]) => Promise<T>} use
 * @returns {Promise<T>}
 */
async function withChildren(subject, count, use) {
  /** @type {Place[]} */
  const places = [];
  /** @type {Child[]} */
  const children = [];
  try {
    for (let number = 0; number < count; number += 1) {
      const place = await subject.newPlace();
      places.push(place);
      const child = await startChild('servers/growth.js', [subject.name, place.at]);
      children.push(child);
      await child.ask({ task: 'open' });
    }
    return await use(children);
  } finally {
    for (const child of children) child.end();
    for (const { remove } of places) await remove();
  }
}

/** @returns {Place} */
function newFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'oncekey-growth-'));
  return { at: join(folder, 'records.db'), remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** @returns {Promise<Place>} */
async function newRedis() {
  const { port, end } = await startRedis();
  return { at: String(port), remove: end };
}

/** @returns {Promise<Place>} */
async function newPostgres() {
  const { url, stop } = await startPrivateServer('postgres', 'ONCEKEY_POSTGRES_URL');
  return { at: url, remove: stop };
}
