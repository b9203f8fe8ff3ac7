/** One store of the library, or what is written by hand, on a place of its own, to be filled, measured and swept. */
import { Redis } from 'ioredis';
import { migrate, postgres } from 'oncekey/postgres';
import { redis } from 'oncekey/redis';
import { sqlite } from 'oncekey/sqlite';
import pg from 'pg';
import { contenderOf, serve } from '../harness/contender.js';
import { postgresByHand } from './postgres-by-hand.js';

/** @typedef {import('../harness/contender.js').Contender} Contender */

/**
 * By name: opens it at a place, path or port or address.
 * @type {Map<string, (place: string) => Contender>}
 */
const contenders = new Map([
  ['sqlite', (place) => contenderOf(sqlite(place), async () => {})],
  ['redis', openRedis],
  ['redis-hz-100', openRedis],
  ['postgres', openPostgres],
  ['postgres-unanalysed', (place) => unanalysed(place, 'oncekey_records', openPostgres(place))],
  ['postgres-by-hand', (place) => unanalysed(place, 'idempotency', postgresByHand(poolOf(place)))],
]);

const [, , name, place] = /** @type {[string, string, string, string]} */ (process.argv);
const open = contenders.get(name);
if (open === undefined) throw new Error(`no contender is named ${name}`);
serve(open(place));

/**
 * @param {string} port
 * @returns {Contender}
 */
function openRedis(port) {
  const client = new Redis(Number(port));
  const switchOn = (/** @type {0 | 1} */ on) => client.call('debug', 'set-active-expire', on);
  return {
    // What has expired stays until its removal is measured.
    ...contenderOf(redis(client), () => switchOn(0)),
    async expiring() {
      const before = await expiredOn(client);
      await switchOn(1);
      return async () => {
        await switchOn(0);
        return (await expiredOn(client)) - before;
      };
    },
  };
}

/** @param {Redis} client */
async function expiredOn(client) {
  return Number(/expired_keys:(\d+)/.exec(await client.info('stats'))?.[1]);
}

/** @param {string} url */
function poolOf(url) {
  return new pg.Pool({ connectionString: url, max: 10 });
}

/**
 * @param {string} url
 * @returns {Contender}
 */
function openPostgres(url) {
  const pool = poolOf(url);
  return {
    ...contenderOf(postgres(pool), () => migrate(pool)),
    async settle() {
      await pool.query('VACUUM oncekey_records');
      await pool.query('CHECKPOINT');
    },
  };
}

/**
 * The same on a table that is neither cleared up nor analysed, ever.
 * @param {string} url
 * @param {string} table
 * @param {Contender} contender
 * @returns {Contender}
 */
function unanalysed(url, table, contender) {
  const pool = poolOf(url);
  return {
    ...contender,
    async open() {
      await contender.open();
      await pool.query(`ALTER TABLE ${table} SET (autovacuum_enabled = off)`);
    },
    async settle() {
      await pool.query('CHECKPOINT');
    },
  };
}
