/**
 * A node:http server with one handler, `bare` or behind the library over the PostgreSQL whose address is named; where a
 * port of a Redis is named too, with that in front of it.
 */
import { Redis } from 'ioredis';
import pg from 'pg';
import { serveNode } from './serve-node.js';

const [, , kind, url, redisPort] = process.argv;

/** @returns {Promise<import('oncekey').Store>} */
async function openStore() {
  const { migrate, postgres } = await import('oncekey/postgres');
  const pool = new pg.Pool({ connectionString: url, max: 10 });
  await migrate(pool);
  const durable = postgres(pool);
  if (redisPort === undefined) return durable;
  const { redis } = await import('oncekey/redis');
  const { tiered } = await import('oncekey/tiered');
  return tiered(redis(new Redis(Number(redisPort))), durable);
}

await serveNode(kind === 'bare' ? undefined : openStore);
