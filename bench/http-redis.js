/** Whole requests through node:http over Redis beside the handler alone, first and replayed, at 64 connections. */
import { startRedis } from './harness/redis.js';
import { wholeRequests } from './harness/whole-requests.js';

/**
 * @param {boolean} quick
 * @returns {Promise<import('./harness/report.js').Figure[]>}
 */
export async function httpRedis(quick) {
  const server = await startRedis();
  try {
    const goals = { first: 0.7, replay: 0.85 };
    return await wholeRequests('node-redis', goals, 'servers/redis-http.js', [String(server.port)], quick);
  } finally {
    await server.end();
  }
}
