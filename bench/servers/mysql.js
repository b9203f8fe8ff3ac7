/**
 * Claim and complete on MySQL or MariaDB, by the library's store or by hand: what a careful
 * engineer writes, one prepared statement a call that inserts, takes over or reads. Same
 * client (`mysql2`), same pool, same 300-byte answers.
 */
import mysql2 from 'mysql2/promise';
import { migrate, mysql } from 'oncekey/mysql';
import { body, contenderOf, headers, idOf, serve } from '../harness/contender.js';

const [, , kind, url] = /** @type {[string, string, 'library' | 'hand', string]} */ (process.argv);
const pool = mysql2.createPool({ uri: url, connectionLimit: 10 });
serve(kind === 'library' ? library() : hand());

function library() {
  return contenderOf(mysql(pool), async () => {
    await pool.query('DROP TABLE IF EXISTS oncekey_records');
    await migrate(pool);
  });
}

/** @returns {import('../harness/contender.js').Contender} */
function hand() {
  const headText = JSON.stringify(headers);
  return {
    async open() {
      await pool.query('DROP TABLE IF EXISTS idempotency');
      await pool.query(`CREATE TABLE idempotency (
        id BINARY(32) PRIMARY KEY, fingerprint VARCHAR(255) NOT NULL, token VARCHAR(64) NOT NULL, scope TEXT NOT NULL,
        \`key\` VARCHAR(255) NOT NULL, lease_end DATETIME(6), expires_at DATETIME(6), status SMALLINT, headers TEXT,
        body LONGBLOB) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4`);
    },
    async claim(key, token) {
      const hex = idOf(key);
      const id = Buffer.from(hex, 'hex');
      const [inserted] = /** @type {import('mysql2/promise').ResultSetHeader[]} */ (
        await pool.execute(
          `INSERT IGNORE INTO idempotency (id, fingerprint, token, scope, \`key\`, lease_end)
           VALUES (?, ?, ?, ?, ?, UTC_TIMESTAMP(6) + INTERVAL 30 SECOND)`,
          [id, `sha256:${hex}`, token, '["bench"]', key],
        )
      );
      if (inserted?.affectedRows === 1) return true;
      const [rows] = /** @type {import('mysql2/promise').RowDataPacket[][]} */ (
        await pool.execute('SELECT fingerprint, status, headers, body FROM idempotency WHERE id = ?', [id])
      );
      if (rows?.[0]?.['status'] !== 200) throw new Error('this is no replay');
      return false;
    },
    async complete(key, token) {
      const [done] = /** @type {import('mysql2/promise').ResultSetHeader[]} */ (
        await pool.execute(
          `UPDATE idempotency SET lease_end = NULL, expires_at = UTC_TIMESTAMP(6) + INTERVAL 1 DAY, status = ?,
           headers = ?, body = ? WHERE id = ? AND token = ? AND status IS NULL`,
          [200, headText, body, Buffer.from(idOf(key), 'hex'), token],
        )
      );
      if (done?.affectedRows !== 1) throw new Error('a completion was lost');
    },
  };
}
