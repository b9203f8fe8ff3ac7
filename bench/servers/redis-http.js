/** A node:http server with one handler, `bare` or, as the argument says, behind the library over the Redis on the port that is named. */
import { Redis } from 'ioredis';
import { serveNode } from './serve-node.js';

const [, , kind, port] = process.argv;

/** @returns {Promise<import('oncekey').Store>} */
async function openStore() {
  const { redis } = await import('oncekey/redis');
  return redis(new Redis(Number(port)));
}

await serveNode(kind === 'bare' ? undefined : openStore);
