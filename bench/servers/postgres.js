/**
 * Claim and complete on PostgreSQL, and replays, by the library's store or by hand. Same
 * client (`pg`), same pool, same 300-byte answers.
 */
import { migrate, postgres } from 'oncekey/postgres';
import pg from 'pg';
import { contenderOf, serve } from '../harness/contender.js';
import { postgresByHand } from './postgres-by-hand.js';

const [, , kind, url] = /** @type {[string, string, 'library' | 'hand', string]} */ (process.argv);
const pool = new pg.Pool({ connectionString: url, max: 10 });
serve(kind === 'library' ? library() : postgresByHand(pool));

function library() {
  return contenderOf(postgres(pool), async () => {
    await pool.query('DROP TABLE IF EXISTS oncekey_records, oncekey_records_schema CASCADE');
    await pool.query('DROP FUNCTION IF EXISTS oncekey_records_json, oncekey_records_look');
    await migrate(pool);
  });
}
