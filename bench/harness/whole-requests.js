/** Whole requests through node:http over a store beside the handler alone, first and replayed. */
import { httpFigure, playHttp } from './http.js';
import { startChild } from './process.js';

/**
 * @param {string} name
 * @param {{ first: number, replay: number }} goals
 * @param {string} file The server's, which takes `bare` or `library` and then `args`.
 * @param {readonly string[]} args
 * @param {boolean} quick
 * @returns {Promise<import('./report.js').Figure[]>}
 */
export async function wholeRequests(name, goals, file, args, quick) {
  /** @type {import('./process.js').Child[]} */
  const children = [];
  const start = async (/** @type {'bare' | 'library'} */ kind) => {
    const child = await startChild(file, [kind, ...args]);
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
  }
}
