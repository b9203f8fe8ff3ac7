/** A private MariaDB set up as a production server is. */
import { readFileSync } from 'node:fs';
import mysql2 from 'mysql2/promise';

/**
 * Gives the server the memory and the log that a production server has, and answers its process id.
 * @param {string} url
 */
export async function prepareMariadb(url) {
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
