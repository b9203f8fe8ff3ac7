/**
 * The MySQL store's claim and complete at 1, 16, 64 and 256 calls at a time, and replays,
 * beside one prepared statement a call written by hand, on a private MariaDB that syncs
 * each commit.
 */
import { prepareMariadb } from './harness/mariadb.js';
import { startPrivateServer } from './harness/private-server.js';
import { startChild } from './harness/process.js';
import { compareWithHand } from './harness/store.js';

const rows = /** @type {const} */ ([
  { task: 'pairs', concurrency: 1, goal: 0.95 },
  { task: 'pairs', concurrency: 16 },
  { task: 'pairs', concurrency: 64 },
  { task: 'pairs', concurrency: 256, goal: 3 },
  { task: 'replays', concurrency: 1 },
  { task: 'replays', concurrency: 16 },
  { task: 'replays', concurrency: 256 },
]);

/**
 * @param {boolean} quick
 * @returns {Promise<import('./harness/report.js').Figure[]>}
 */
export async function mysql(quick) {
  const server = await startPrivateServer('mariadb', 'ONCEKEY_MYSQL_URL');
  const library = await startChild('servers/mysql.js', ['library', server.url]);
  const hand = await startChild('servers/mysql.js', ['hand', server.url]);
  try {
    const serverProcessId = await prepareMariadb(server.url);
    return await compareWithHand('mysql', { library, hand }, rows, quick, serverProcessId);
  } finally {
    library.end();
    hand.end();
    await server.stop();
  }
}
