/** Whole requests through node:http over Redis beside the handler alone, first and replayed, at 64 connections. */
import { httpFigure, playHttp } from './harness/http.js';
import { startChild } from './harness/process.js';
import { startRedis } from './harness/redis.js';

/**
 * @param {boolean} quick
 * @returns {Promise<import('./harness/report.js').Figure[]>}
 */
export async function httpRedis(quick) {
  const server = await startRedis();
  /** @type {import('./harness/process.js').Child[]} */
  const children = [];
  const start = async (/** @type {'bare' | 'library'} */ kind) => {
    const child = await startChild('servers/redis-http.js', [kind, String(server.port)]);
    children.push(child);
    return { processId: child.processId, port: child.first.port };
  };
  try {
    const contenders = [
      { name: 'node', ...(await start('bare')), keys: /** @type {const} */ ('fresh') },
      { name: 'first', ...(await start('library')), keys: /** @type {const} */ ('fresh') },
      { name: 'replay', ...(await start('library')), keys: /** @type {const} */ ('repeat') },
    ];
    const played = await playHttp('node-redis', contenders, quick, { sleeps: true });
    const name = 'node-redis';
    return [
      httpFigure(played, { name, metric: 'first', contender: 'first', baseline: 'node', goal: 0.7 }),
      httpFigure(played, { name, metric: 'replay', contender: 'replay', baseline: 'node', goal: 0.85 }),
    ];
  } finally {
    for (const child of children) child.end();
    await server.end();
  }
}
