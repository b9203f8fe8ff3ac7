/**
 * The MySQL store's claim and complete at 1, 16, 64 and 256 calls at a time, and replays,
 * beside one prepared statement a call written by hand, on a private MariaDB that syncs
 * each commit.
 */
import { readFileSync } from 'node:fs';
import mysql2 from 'mysql2/promise';
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
    const serverProcessId = await prepare(server.url);
    return await compareWithHand('mysql', { library, hand }, rows, quick, serverProcessId);
  } finally {
    library.end();
    hand.end();
    await server.stop();
  }
}

/**
 * Gives the server the memory and the log that a production server has, and answers its process id.
 * @param {string} url
 */
async function prepare(url) {
  const connection = await mysql2.createConnection(url);
  await connection.query('SET GLOBAL innodb_buffer_pool_size = 512 * 1024 * 1024');
  await connection.query('SET GLOBAL innodb_log_file_size = 512 * 1024 * 1024');
  const [answered] = /** @type {import('mysql2/promise').RowDataPacket[][]} */ (
    await connection.query('SELECT @@pid_file AS path, @@innodb_flush_log_at_trx_commit AS syncs')
  );
  const { path, syncs } = answered?.[0] ?? {};
  await connection.end();
  if (Number(syncs) !== 1) throw new Error('the server does not sync each commit');
  return Number(readFileSync(String(path), 'utf8'));
}
