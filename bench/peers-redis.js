/**
 * The library and its peers in front of the same Express 5 handler, over the same Redis, at
 * 64 connections, first and replayed. A figure is the library's rate against the peer's.
 */
import { httpFigure, playHttp } from './harness/http.js';
import { startChild } from './harness/process.js';
import { startRedis } from './harness/redis.js';

const peers = ['node-idempotency', 'express-idempotency', 'powertools'];

/**
 * @param {boolean} quick
 * @returns {Promise<import('./harness/report.js').Figure[]>}
 */
export async function peersRedis(quick) {
  const server = await startRedis();
  /** @type {import('./harness/process.js').Child[]} */
  const children = [];
  const start = async (/** @type {string} */ kind) => {
    const child = await startChild('servers/redis-peers.js', [kind, String(server.port)]);
    children.push(child);
    return { processId: child.processId, port: child.first.port };
  };
  try {
    const figures = [];
    for (const keys of /** @type {const} */ (['fresh', 'repeat'])) {
      const contenders = [];
      for (const name of ['library', ...peers]) contenders.push({ name, ...(await start(name)), keys });
      const played = await playHttp(`peers-redis, ${keys} keys`, contenders, quick, { sleeps: true });
      const metric = keys === 'fresh' ? 'first' : 'replay';
      for (const baseline of peers) {
        const what = { name: 'peers-redis', metric: `${metric} / ${baseline}`, contender: 'library', baseline };
        figures.push(httpFigure(played, { ...what, goal: 1.5 }));
      }
      await server.empty();
    }
    return figures;
  } finally {
    for (const child of children) child.end();
    await server.end();
  }
}
