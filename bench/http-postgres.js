/** Whole requests through node:http over PostgreSQL beside the handler alone, first and replayed, at 64 connections. */
import { overPostgres } from './harness/postgres-http.js';

/**
 * @param {boolean} quick
 * @returns {Promise<import('./harness/report.js').Figure[]>}
 */
export async function httpPostgres(quick) {
  return overPostgres('node-postgres', { first: 0.4, replay: 0.85 }, [], quick);
}
