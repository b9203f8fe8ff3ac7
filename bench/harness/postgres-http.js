/** Whole requests over PostgreSQL, alone or behind a Redis, beside the handler alone. */
import { startPrivateServer } from './private-server.js';
import { wholeRequests } from './whole-requests.js';

/**
 * @param {string} name
 * @param {{ first: number, replay: number }} goals
 * @param {readonly string[]} hot The port of a Redis to put in front, or nothing.
 * @param {boolean} quick
 * @returns {Promise<import('./report.js').Figure[]>}
 */
export async function overPostgres(name, goals, hot, quick) {
  const server = await startPrivateServer('postgres', 'ONCEKEY_POSTGRES_URL');
  try {
    return await wholeRequests(name, goals, 'servers/postgres-http.js', [server.url, ...hot], quick);
  } finally {
    await server.stop();
  }
}
