/**
 * The PostgreSQL store's claim and complete, and its replays, beside the statements that a
 * careful engineer writes by hand, on a server of its own that syncs what it acknowledges.
 * Both begin with empty tables that nobody analysed. Beside them the same two statements by
 * `pgbench -M prepared` where it is installed. Whether ratios hold up to a million records is
 * told by `growth`, what the operators' indexes cost by `indexes`.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { effort } from './harness/http.js';
import { startPrivateServer } from './harness/private-server.js';
import { startChild } from './harness/process.js';
import { playRounds, ratioOf, spreadOf } from './harness/rounds.js';

/**
 * @typedef {import('./harness/report.js').Figure} Figure
 * @typedef {import('./harness/process.js').Child} Child
 * @typedef {{ count: number, elapsedMs: number, cpuUs: number, p50Ms: number, p99Ms: number }} Measured
 * @typedef {{ task: 'pairs' | 'replays', concurrency: number, goal: number | null }} Load
 */

/** @type {readonly Load[]} */
const loads = [
  { task: 'pairs', concurrency: 1, goal: 0.95 },
  { task: 'pairs', concurrency: 16, goal: 2.5 },
  { task: 'pairs', concurrency: 64, goal: 5.5 },
  { task: 'pairs', concurrency: 256, goal: 8 },
  { task: 'replays', concurrency: 1, goal: null },
  { task: 'replays', concurrency: 256, goal: 15 },
];

/**
 * @param {boolean} quick
 * @returns {Promise<Figure[]>}
 */
export async function postgres(quick) {
  const server = await startPrivateServer('postgres', 'ONCEKEY_POSTGRES_URL');
  try {
    const library = await startChild('servers/postgres.js', ['library', server.url]);
    const hand = await startChild('servers/postgres.js', ['hand', server.url]);
    try {
      const figures = await compare(library, hand, quick);
      figures.push(...pgbench(server.url, figures, quick));
      return figures;
    } finally {
      library.end();
      hand.end();
    }
  } finally {
    await server.stop();
  }
}

/**
 * @param {Child} library
 * @param {Child} hand
 * @param {boolean} quick
 */
async function compare(library, hand, quick) {
  const { rounds, roundMs } = effort(quick);
  /** @type {Map<string, Measured[]>} */
  const measured = new Map();
  await Promise.all([library, hand].map((child) => child.ask({ task: 'open' })));
  const contenders = loads.flatMap(({ task, concurrency }) =>
    [library, hand].map((child) => {
      const name = `${child === hand ? 'by hand ' : ''}${task} ${concurrency}`;
      return {
        name,
        async measure() {
          /** @type {Measured} */
          const done = await child.ask({ task, concurrency, durationMs: roundMs });
          measured.set(name, [...(measured.get(name) ?? []), done]);
          return (done.count / done.elapsedMs) * 1000;
        },
      };
    }),
  );
  const rates = await playRounds('postgres', contenders, rounds);
  return loads.flatMap((load) => figuresOf(load, rates, measured, rounds));
}

/**
 * @param {Load} load
 * @param {Map<string, number[]>} rates
 * @param {Map<string, Measured[]>} measured
 * @param {number} rounds
 * @returns {Figure[]}
 */
function figuresOf({ task, concurrency, goal }, rates, measured, rounds) {
  const [contender, baseline] = [`${task} ${concurrency}`, `by hand ${task} ${concurrency}`];
  const { median, min, max } = ratioOf(rates, contender, baseline);
  const medianOf = (/** @type {string} */ name, /** @type {'cpuUs' | 'p50Ms' | 'p99Ms'} */ what) =>
    spreadOf((measured.get(name) ?? []).slice(-rounds).map((one) => one[what])).median;
  const rateOf = (/** @type {string} */ name) => spreadOf(rates.get(name) ?? []).median;
  const latency = (/** @type {'p50Ms' | 'p99Ms'} */ what) => {
    const mine = spreadOf((measured.get(contender) ?? []).slice(-rounds).map((one) => one[what]));
    const metric = `${task} at ${concurrency}, ${what.slice(0, 3)}`;
    return { name: 'postgres', metric, value: mine.median, unit: 'ms', min: mine.min, max: mine.max, rounds };
  };
  return [
    {
      name: 'postgres',
      metric: `${task} at ${concurrency}`,
      ratio: median,
      min,
      max,
      rounds,
      baseline: 'by hand',
      rate: rateOf(contender),
      baselineRate: rateOf(baseline),
      cpuUs: medianOf(contender, 'cpuUs'),
      baselineCpuUs: medianOf(baseline, 'cpuUs'),
      ...(goal === null ? {} : { goal, better: /** @type {const} */ ('higher') }),
    },
    latency('p50Ms'),
    latency('p99Ms'),
  ];
}

const pgbenchScript = `\\set key random(1, 9000000000000000000)
INSERT INTO idempotency AS i (id, fingerprint, token, scope, key, lease_end)
  VALUES (sha256(:key::text::bytea), 'f', 't', '["bench"]', :key::text, now() + interval '30 seconds')
  ON CONFLICT (id) DO UPDATE SET token = excluded.token, lease_end = excluded.lease_end
  WHERE i.status IS NULL AND i.lease_end < now() OR i.expires_at < now() RETURNING id;
UPDATE idempotency SET lease_end = NULL, expires_at = now() + interval '1 day', status = 200,
  headers = '[["content-type","application/json"]]', body = repeat('y', 300)::bytea
  WHERE id = sha256(:key::text::bytea) AND token = 't' AND status IS NULL;
`;

/**
 * The library's rates beside those of the same two statements by hand from a client in C.
 * @param {string} url
 * @param {readonly Figure[]} figures
 * @param {boolean} quick
 * @returns {Figure[]}
 */
function pgbench(url, figures, quick) {
  const folder = mkdtempSync(join(tmpdir(), 'oncekey-bench-'));
  try {
    const script = join(folder, 'pairs.sql');
    writeFileSync(script, pgbenchScript);
    return loads.flatMap(({ task, concurrency }) => {
      if (task !== 'pairs') return [];
      const args = [
        '-n',
        '-M',
        'prepared',
        '-f',
        script,
        '-c',
        String(concurrency),
        '-j',
        '2',
        '-T',
        quick ? '2' : '5',
      ];
      const { status, stdout } = spawnSync('pgbench', [...args, url], { encoding: 'utf8' });
      const baselineRate = Number(/tps = ([\d.]+)/.exec(stdout ?? '')?.[1]);
      const { rate = Number.NaN } = figures.find(({ metric }) => metric === `pairs at ${concurrency}`) ?? {};
      if (status !== 0 || Number.isNaN(baselineRate)) return [];
      const ratio = rate / baselineRate;
      const metric = `pairs at ${concurrency}, beside pgbench`;
      const figure = { name: 'postgres', metric, ratio, min: ratio, max: ratio, rounds: 1, baseline: '-M prepared' };
      const goal = concurrency < 16 ? {} : { goal: 1, better: /** @type {const} */ ('higher') };
      return [{ ...figure, rate, baselineRate, ...goal }];
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
