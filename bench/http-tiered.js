/** Whole requests through node:http over Redis in front of PostgreSQL beside the handler alone, first and replayed, at 64 connections. */
import { overPostgres } from './harness/postgres-http.js';
import { startRedis } from './harness/redis.js';

/**
 * @param {boolean} quick
 * @returns {Promise<import('./harness/report.js').Figure[]>}
 */
export async function httpTiered(quick) {
  const hot = await startRedis();
  try {
    return await overPostgres('node-tiered', { first: 0.35, replay: 0.85 }, [String(hot.port)], quick);
  } finally {
    await hot.end();
  }
}
