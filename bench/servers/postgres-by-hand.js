/**
 * What a careful engineer writes on PostgreSQL: one statement a call, an upsert that claims or
 * takes over, a second one that reads.
 */
import { body, headers, idOf } from '../harness/contender.js';

/**
 * @param {import('pg').Pool} pool
 * @returns {import('../harness/contender.js').Contender}
 */
export function postgresByHand(pool) {
  const headText = JSON.stringify(headers);
  return {
    async open() {
      await pool.query('DROP TABLE IF EXISTS idempotency');
      await pool.query(`CREATE TABLE idempotency (
        id bytea PRIMARY KEY, fingerprint text NOT NULL, token text NOT NULL, scope text NOT NULL, key text NOT NULL,
        lease_end timestamptz, expires_at timestamptz, created_at timestamptz NOT NULL DEFAULT now(),
        status smallint, headers text, body bytea)`);
    },
    async claim(key, token) {
      const hex = idOf(key);
      const id = Buffer.from(hex, 'hex');
      const granted = await pool.query(
        `INSERT INTO idempotency AS i (id, fingerprint, token, scope, key, lease_end)
         VALUES ($1, $2, $3, $4, $5, now() + interval '30 seconds')
         ON CONFLICT (id) DO UPDATE SET token = excluded.token, lease_end = excluded.lease_end
         WHERE i.status IS NULL AND i.lease_end < now() OR i.expires_at < now() RETURNING id`,
        [id, `sha256:${hex}`, token, '["bench"]', key],
      );
      if (granted.rows.length > 0) return true;
      const { rows } = await pool.query('SELECT fingerprint, status, headers, body FROM idempotency WHERE id = $1', [
        id,
      ]);
      if (rows[0]?.status !== 200) throw new Error('this is no replay');
      return false;
    },
    async complete(key, token) {
      const { rowCount } = await pool.query(
        `UPDATE idempotency SET lease_end = NULL, expires_at = now() + interval '1 day', status = $3, headers = $4,
         body = $5 WHERE id = $1 AND token = $2 AND status IS NULL`,
        [Buffer.from(idOf(key), 'hex'), token, 200, headText, body],
      );
      if (rowCount === 0) throw new Error('a completion was lost');
    },
    async fill(keys) {
      await pool.query(
        `INSERT INTO idempotency (id, fingerprint, token, scope, key, expires_at, status, headers, body)
         SELECT sha256(key::bytea), 'sha256:' || encode(sha256(key::bytea), 'hex'), gen_random_uuid()::text, '["bench"]', key,
           now() + interval '1 day', 200, $2, $3 FROM unnest($1::text[]) AS key`,
        [keys, headText, body],
      );
    },
  };
}
