/**
 * The library over memory in front of a handler, beside the handler alone and beside peers
 * over memory on the same framework: first and replayed answers, and the bytes that a
 * finished record costs. Also beside a page of middleware written by hand, where there is one for the framework.
 */
import { connections, httpFigure, playHttp } from './harness/http.js';
import { startChild } from './harness/process.js';

/** @typedef {import('./harness/report.js').Figure} Figure */

/** Ahead of each peer by so much. */
const peerGoal = 1.3;

/**
 * @typedef {object} Framework
 * @property {string} name
 * @property {string} file
 * @property {string} baseline
 * @property {number} firstGoal
 * @property {number} replayGoal
 * @property {readonly string[]} peers
 * @property {boolean} [byHand] Whether its server has the middleware written by hand, too.
 */

/** @type {readonly Framework[]} */
const frameworks = [
  {
    name: 'node-memory',
    file: 'servers/node.js',
    baseline: 'node',
    firstGoal: 0.75,
    replayGoal: 0.95,
    peers: [],
    byHand: true,
  },
  {
    name: 'express-memory',
    file: 'servers/express.js',
    baseline: 'express',
    firstGoal: 0.95,
    replayGoal: 1.2,
    peers: ['express-idempotency'],
  },
  {
    name: 'fastify-memory',
    file: 'servers/fastify.js',
    baseline: 'fastify',
    firstGoal: 0.75,
    replayGoal: 0.95,
    peers: ['node-idempotency', 'powertools'],
    byHand: true,
  },
  {
    name: 'hono-memory',
    file: 'servers/hono.js',
    baseline: 'hono',
    firstGoal: 0.75,
    replayGoal: 0.95,
    peers: [],
    byHand: true,
  },
];

/**
 * @param {boolean} quick
 * @returns {Promise<Figure[]>}
 */
export async function httpMemory(quick) {
  const figures = [];
  for (const framework of frameworks) figures.push(...(await compare(framework, quick)));
  figures.push(await bytesPerRecord(quick));
  return figures;
}

/**
 * @param {Framework} framework
 * @param {boolean} quick
 */
async function compare({ name, file, baseline, firstGoal, replayGoal, peers, byHand = false }, quick) {
  /** @type {import('./harness/process.js').Child[]} */
  const children = [];
  /** @type {import('./harness/http.js').HttpContender[]} */
  const contenders = [];
  const enter = async (
    /** @type {string} */ as,
    /** @type {string} */ what,
    /** @type {'fresh' | 'repeat'} */ keys,
  ) => {
    const child = await startChild(file, [what]);
    children.push(child);
    contenders.push({ name: as, ...addressOf(child), keys });
  };
  try {
    await enter(baseline, 'bare', 'fresh');
    // Firsts fill their own server's memory; replays meet a small one, as they would behind a sweep.
    const others = byHand ? [...peers, 'by-hand'] : peers;
    for (const [as, what] of [['', 'memory'], ...others.map((other) => [`${other} `, other])]) {
      await enter(`${as}first`, what ?? '', 'fresh');
      await enter(`${as}replay`, what ?? '', 'repeat');
    }
    const played = await playHttp(name, contenders, quick);
    return [
      httpFigure(played, { name, metric: 'first', contender: 'first', baseline, goal: firstGoal }),
      httpFigure(played, { name, metric: 'replay', contender: 'replay', baseline, goal: replayGoal }),
      ...peers.flatMap((peer) =>
        ['first', 'replay'].map((metric) =>
          httpFigure(played, { name, metric, contender: metric, baseline: `${peer} ${metric}`, goal: peerGoal }),
        ),
      ),
      // A floor, and so without a goal.
      ...(byHand ? ['first', 'replay'] : []).map((metric) =>
        httpFigure(played, { name: `${baseline}-by-hand`, metric, contender: `by-hand ${metric}`, baseline }),
      ),
    ];
  } finally {
    for (const child of children) child.end();
  }
}

/** @param {import('./harness/process.js').Child} child */
function addressOf({ processId, first: { port } }) {
  return { processId, port };
}

/**
 * All that a process keeps for a finished record: labels, fingerprint, head and a 300-byte body.
 * @param {boolean} quick
 * @returns {Promise<Figure>}
 */
async function bytesPerRecord(quick) {
  const requests = quick ? 20_000 : 50_000;
  const server = await startChild('servers/node.js', ['memory'], ['--expose-gc']);
  const load = await startChild('harness/load.js');
  try {
    const ask = { port: server.first.port, path: '/charges', keys: 'fresh', connections, durationMs: 0 };
    await load.ask({ ...ask, requests: 2000 });
    const before = (await server.ask({})).bytes;
    await load.ask({ ...ask, requests });
    const value = ((await server.ask({})).bytes - before) / requests;
    const figure = { name: 'memory-record', metric: 'bytes', value, unit: 'B', min: value, max: value, rounds: 1 };
    return { ...figure, goal: 1024, better: 'lower' };
  } finally {
    server.end();
    load.end();
  }
}
