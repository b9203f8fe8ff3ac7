/**
 * Claim and complete on Redis with ioredis, by the library's store or by hand: SET NX PX and
 * SET, two statements without proof of ownership; or a hash and two scripts that compare a
 * token. Same client, same 300-byte answers. A replay is a claim of a finished record; by
 * hand, the SET NX PX that is refused and gives the record back, or the first script.
 */
import { hash, randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { redis } from 'oncekey/redis';
import { freshToken } from '../harness/token.js';

/**
 * @typedef {object} Contender
 * @property {(key: string) => Promise<boolean>} claim False when the record is finished.
 * @property {(key: string) => Promise<void>} pair Claims and completes.
 */

const body = Buffer.from(JSON.stringify({ id: 'ch_1', note: 'y'.repeat(300 - 24) }));
const headers = /** @type {const} */ ([['content-type', 'application/json']]);
const leaseMs = 30_000;
const keepMs = 86_400_000;
const [, , kind, port] = process.argv;
const client = new Redis(Number(port));
const contender = { library: byLibrary, 'set nx': bySet, hash: byHash }[kind ?? '']?.() ?? byLibrary();
let nextKey = 0;

process.on('message', (/** @type {{ what: 'pairs' | 'replays', concurrency: number, durationMs: number }} */ ask) => {
  measure(ask).then(
    (value) => process.send?.(value),
    (/** @type {Error} */ error) => process.send?.({ error: error.message }),
  );
});
process.on('disconnect', () => process.exit());
await client.ping();
process.send?.({ ready: true });

/** @param {{ what: 'pairs' | 'replays', concurrency: number, durationMs: number }} ask */
async function measure({ what, concurrency, durationMs }) {
  const finished = what === 'replays' ? await finish() : [];
  /** @type {number[]} */
  const tookMs = [];
  const cpuBefore = process.cpuUsage();
  const started = performance.now();
  const worker = async () => {
    for (let now = started; now - started < durationMs;) {
      nextKey += 1;
      if (what === 'pairs') await contender.pair(`${process.pid}-${nextKey}`);
      else if (await contender.claim(finished[nextKey % finished.length] ?? '')) throw new Error('claimed twice');
      const after = performance.now();
      tookMs.push(after - now);
      now = after;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  const elapsedMs = performance.now() - started;
  const { user, system } = process.cpuUsage(cpuBefore);
  tookMs.sort((one, other) => one - other);
  const at = (/** @type {number} */ part) => tookMs[Math.floor((tookMs.length - 1) * part)];
  return { count: tookMs.length, elapsedMs, cpuUs: user + system, p50Ms: at(0.5), p99Ms: at(0.99) };
}

async function finish() {
  const keys = Array.from({ length: 16 }, () => randomUUID());
  for (const key of keys) await contender.pair(key);
  return keys;
}

/** @returns {Contender} */
function byLibrary() {
  const store = redis(client);
  const ask = (/** @type {string} */ key, /** @type {string} */ token) => {
    const id = idOf(key);
    const labels = { scope: ['bench'], operation: null, key, owner: null, method: 'POST', path: '/', eventId: null };
    const ifAbandoned = /** @type {const} */ ('rerun');
    return { id, token, fingerprint: `sha256:${id}`, leaseMs, ifAbandoned, keepMs, labels };
  };
  return {
    async claim(key) {
      return (await store.claim(ask(key, freshToken()))).kind === 'granted';
    },
    async pair(key) {
      const token = freshToken();
      const claim = ask(key, token);
      if ((await store.claim(claim)).kind !== 'granted') throw new Error('a fresh key was not granted');
      const outcome = { kind: /** @type {const} */ ('answer'), status: 200, headers, body };
      const completed = await store.complete({ id: claim.id, token, outcome, retentionMs: keepMs });
      if (completed.kind !== 'stored') throw new Error('a completion was lost');
    },
  };
}

/** @returns {Contender} */
function bySet() {
  const head = JSON.stringify({ status: 200, headers });
  const keyOf = (/** @type {string} */ key) => `idempotency:${idOf(key)}`;
  return {
    async claim(key) {
      const id = keyOf(key);
      const running = JSON.stringify({ running: freshToken(), fingerprint: id });
      // NX with GET gives the record that stands in the way.
      const found = await client.set(id, running, 'PX', leaseMs, 'NX', 'GET');
      if (found !== null) JSON.parse(found);
      return found === null;
    },
    async pair(key) {
      const id = keyOf(key);
      const running = JSON.stringify({ running: freshToken(), fingerprint: id });
      const granted = await client.set(id, running, 'PX', leaseMs, 'NX');
      if (granted !== 'OK') throw new Error('a fresh key was not granted');
      const done = JSON.stringify({ fingerprint: id, head, body: body.toString('latin1') });
      await client.set(id, done, 'PX', keepMs);
    },
  };
}

/** @returns {Contender} */
function byHash() {
  const claim = `if redis.call('HSETNX', KEYS[1], 'token', ARGV[1]) == 0 then return redis.call('HGETALL', KEYS[1]) end
    redis.call('HSET', KEYS[1], 'fingerprint', ARGV[2], 'state', 'running')
    redis.call('PEXPIRE', KEYS[1], ARGV[3])
    return 1`;
  const complete = `if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end
    redis.call('HSET', KEYS[1], 'state', 'done', 'head', ARGV[2], 'body', ARGV[3])
    redis.call('PEXPIRE', KEYS[1], ARGV[4])
    return 1`;
  client.defineCommand('benchClaim', { numberOfKeys: 1, lua: claim });
  client.defineCommand('benchComplete', { numberOfKeys: 1, lua: complete });
  const scripted = /** @type {any} */ (client);
  const head = JSON.stringify({ status: 200, headers });
  const keyOf = (/** @type {string} */ key) => `idempotency:${idOf(key)}`;
  return {
    async claim(key) {
      const id = keyOf(key);
      return (await scripted.benchClaimBuffer(id, freshToken(), id, leaseMs)) === 1;
    },
    async pair(key) {
      const [id, token] = [keyOf(key), freshToken()];
      if ((await scripted.benchClaim(id, token, id, leaseMs)) !== 1) throw new Error('a fresh key was not granted');
      if ((await scripted.benchComplete(id, token, head, body, keepMs)) !== 1) throw new Error('a completion was lost');
    },
  };
}

/** @param {string} key */
function idOf(key) {
  return hash('sha256', key, 'hex');
}
