/** One store of the library on a place of its own, to be filled, measured and swept. */
import { Redis } from 'ioredis';
import { migrate, postgres } from 'oncekey/postgres';
import { redis } from 'oncekey/redis';
import { sqlite } from 'oncekey/sqlite';
import pg from 'pg';
import { contenderOf, serve } from '../harness/contender.js';

/**
 * By name: opens the store at a place. A store on a server makes its tables anew when it is told to open.
 * @type {Map<string, (place: string) => import('../harness/contender.js').Contender>}
 */
const stores = new Map([
  ['sqlite', (place) => contenderOf(sqlite(place), async () => {})],
  ['redis', (place) => contenderOf(redis(new Redis(Number(place))), async () => {})],
  ['postgres', openPostgres],
]);

const [, , name, place] = /** @type {[string, string, string, string]} */ (process.argv);
const open = stores.get(name);
if (open === undefined) throw new Error(`no store is named ${name}`);
serve(open(place));

/** @param {string} url */
function openPostgres(url) {
  const pool = new pg.Pool({ connectionString: url, max: 10 });
  const contender = contenderOf(postgres(pool), () => migrate(pool));
  // The server copies one record that the store has completed; nobody ever asks for the copies.
  const fill = async (/** @type {number} */ count, retentionMs = 86_400_000) => {
    await contender.claim('template', 'template');
    await contender.complete('template', 'template');
    const { rows } = await pool.query(
      `SELECT string_agg(quote_ident(attname), ', ') AS names FROM pg_attribute
       WHERE attrelid = 'oncekey_records'::regclass AND attnum > 0 AND NOT attisdropped
         AND attname NOT IN ('id', 'key', 'expires_at')`,
    );
    const { names } = rows[0];
    await pool.query(
      `INSERT INTO oncekey_records (id, key, expires_at, ${names})
       SELECT sha256(('copy-' || number)::bytea), 'copy-' || number, clock_timestamp() + $2 * interval '1 ms', ${names}
       FROM oncekey_records, generate_series(1, $1) AS number WHERE key = 'template'`,
      [count, retentionMs],
    );
    await pool.query('VACUUM oncekey_records');
    await pool.query('CHECKPOINT');
  };
  return { ...contender, fill };
}
