/**
 * The Redis store's claim and complete at 1, 16, 64 and 256 calls at a time, and its replays,
 * beside what is written by hand with the same client: SET NX PX and SET (the baseline, which
 * proves no ownership), and a hash with two scripts that do. Also: processor time of the
 * client, how long a pair takes, and what a finished record takes in the server.
 */
import { playRounds, ratioOf, spreadOf } from './harness/rounds.js';
import { cpuUsOf, startChild } from './harness/process.js';
import { startRedis } from './harness/redis.js';

/** @typedef {import('./harness/report.js').Figure} Figure */
/** @typedef {import('./harness/process.js').Child} Child */
/** @typedef {Record<'cpuUs' | 'serverCpuUs' | 'p50Ms' | 'p99Ms', number[]>} Facts One value a round. */

const loads = /** @type {const} */ ([
  { what: 'pairs', concurrency: 1, goal: 0.95 },
  { what: 'pairs', concurrency: 16 },
  { what: 'pairs', concurrency: 64, goal: 1.3 },
  { what: 'pairs', concurrency: 256, goal: 2.5 },
  { what: 'replays', concurrency: 1 },
  { what: 'replays', concurrency: 64 },
  { what: 'replays', concurrency: 256 },
]);
const kinds = /** @type {const} */ (['library', 'set nx', 'hash']);

/**
 * @param {boolean} quick
 * @returns {Promise<Figure[]>}
 */
export async function redis(quick) {
  const { rounds, roundMs } = quick ? { rounds: 5, roundMs: 350 } : { rounds: 7, roundMs: 1200 };
  const server = await startRedis();
  /** @type {Map<string, Child>} */
  const children = new Map();
  try {
    for (const kind of kinds) children.set(kind, await startChild('servers/redis.js', [kind, String(server.port)]));
    await warmUp(children);
    const figures = [];
    for (const load of loads) figures.push(...(await measure(load, children, server, rounds, roundMs)));
    return [...figures, await bytesPerRecord(server, children)];
  } finally {
    for (const child of children.values()) child.end();
    await server.end();
  }
}

/**
 * A single caller makes too few calls in its rounds for V8 to make the code fast, and the most code would pay the most.
 * @param {Map<string, Child>} children
 */
async function warmUp(children) {
  for (const child of children.values()) {
    for (const what of ['pairs', 'replays']) await child.ask({ what, concurrency: 64, durationMs: 1000 });
  }
}

/**
 * @param {(typeof loads)[number]} load
 * @param {Map<string, Child>} children
 * @param {import('./harness/redis.js').RedisServer} server
 * @param {number} rounds
 * @param {number} roundMs
 * @returns {Promise<Figure[]>}
 */
async function measure(load, children, server, rounds, roundMs) {
  const { what, concurrency } = load;
  /** @type {Map<string, Facts>} */
  const facts = new Map(kinds.map((kind) => [kind, { cpuUs: [], serverCpuUs: [], p50Ms: [], p99Ms: [] }]));
  const contenders = kinds.map((kind) => ({
    name: kind,
    async measure() {
      // Every round meets an empty server, so that nobody pays for what another left behind.
      await server.empty();
      const before = cpuUsOf(server.processId);
      const done = await children.get(kind)?.ask({ what, concurrency, durationMs: roundMs });
      facts.get(kind)?.serverCpuUs.push((cpuUsOf(server.processId) - before) / done.count);
      facts.get(kind)?.cpuUs.push(done.cpuUs / done.count);
      facts.get(kind)?.p50Ms.push(done.p50Ms);
      facts.get(kind)?.p99Ms.push(done.p99Ms);
      return (done.count / done.elapsedMs) * 1000;
    },
  }));
  const rates = await playRounds(`redis, ${what} at ${concurrency}`, contenders, rounds);
  const medianOf = (/** @type {number[] | undefined} */ values) => spreadOf((values ?? []).slice(-rounds)).median;
  const factOf = (/** @type {string} */ kind, /** @type {keyof Facts} */ fact) => medianOf(facts.get(kind)?.[fact]);
  const beside = (/** @type {'set nx' | 'hash'} */ baseline) => ({
    name: 'redis',
    metric: `${what} at ${concurrency}`,
    ...ratioFields(ratioOf(rates, 'library', baseline)),
    rounds,
    baseline,
    rate: medianOf(rates.get('library')),
    baselineRate: medianOf(rates.get(baseline)),
    cpuUs: factOf('library', 'cpuUs'),
    baselineCpuUs: factOf(baseline, 'cpuUs'),
    serverCpuUs: factOf('library', 'serverCpuUs'),
    baselineServerCpuUs: factOf(baseline, 'serverCpuUs'),
    p50Ms: factOf('library', 'p50Ms'),
    p99Ms: factOf('library', 'p99Ms'),
    baselineP50Ms: factOf(baseline, 'p50Ms'),
    baselineP99Ms: factOf(baseline, 'p99Ms'),
  });
  const goal = 'goal' in load ? { goal: load.goal, better: /** @type {const} */ ('higher') } : {};
  const { p50Ms = [], p99Ms = [] } = facts.get('library') ?? {};
  return [
    { ...beside('set nx'), ...goal },
    beside('hash'),
    timeFigure(`${what} at ${concurrency}, p50`, p50Ms.slice(-rounds)),
    timeFigure(`${what} at ${concurrency}, p99`, p99Ms.slice(-rounds)),
  ];
}

/** @param {import('./harness/rounds.js').Spread} spread */
function ratioFields({ median, min, max }) {
  return { ratio: median, min, max };
}

/**
 * @param {string} metric
 * @param {readonly number[]} values
 * @returns {Figure}
 */
function timeFigure(metric, values) {
  const { median, min, max } = spreadOf(values);
  return { name: 'redis', metric, value: median, unit: 'ms', min, max, rounds: values.length };
}

/**
 * What a finished record with a 300-byte body takes in the server, as it counts itself.
 * @param {import('./harness/redis.js').RedisServer} server
 * @param {Map<string, Child>} children
 * @returns {Promise<Figure>}
 */
async function bytesPerRecord(server, children) {
  await server.empty();
  await children.get('library')?.ask({ what: 'pairs', concurrency: 64, durationMs: 200 });
  const value = await server.bytesOfAKey();
  const figure = { name: 'redis', metric: 'bytes a record', value, unit: 'B', min: value, max: value, rounds: 1 };
  return { ...figure, goal: 600, better: 'lower' };
}
