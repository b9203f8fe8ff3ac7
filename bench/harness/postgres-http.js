/** Whole requests over PostgreSQL, alone or behind a Redis, beside the handler alone. */
import { httpFigure, playHttp } from './http.js';
import { startPrivateServer } from './private-server.js';
import { startChild } from './process.js';

/**
 * @param {string} name
 * @param {{ first: number, replay: number }} goals
 * @param {readonly string[]} hot The port of a Redis to put in front, or nothing.
 * @param {boolean} quick
 * @returns {Promise<import('./report.js').Figure[]>}
 */
export async function overPostgres(name, goals, hot, quick) {
  const server = await startPrivateServer('postgres', 'ONCEKEY_POSTGRES_URL');
  /** @type {import('./process.js').Child[]} */
  const children = [];
  const start = async (/** @type {'bare' | 'library'} */ kind) => {
    const child = await startChild('servers/postgres-http.js', [kind, server.url, ...hot]);
    children.push(child);
    return { processId: child.processId, port: child.first.port };
  };
  try {
    const contenders = [
      { name: 'node', ...(await start('bare')), keys: /** @type {const} */ ('fresh') },
      { name: 'first', ...(await start('library')), keys: /** @type {const} */ ('fresh') },
      { name: 'replay', ...(await start('library')), keys: /** @type {const} */ ('repeat') },
    ];
    const played = await playHttp(name, contenders, quick, { sleeps: true });
    return [
      httpFigure(played, { name, metric: 'first', contender: 'first', baseline: 'node', goal: goals.first }),
      httpFigure(played, { name, metric: 'replay', contender: 'replay', baseline: 'node', goal: goals.replay }),
    ];
  } finally {
    for (const child of children) child.end();
    await server.stop();
  }
}
