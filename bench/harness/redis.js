/** A Redis of a benchmark's own on a free port, with nothing on disk: what is measured is the server and the way to it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { scheduler } from 'node:timers/promises';
import { Redis } from 'ioredis';

const deadlineMs = 10_000;

/**
 * @typedef {object} RedisServer
 * @property {number} port
 * @property {number} processId
 * @property {() => Promise<void>} empty
 * @property {() => Promise<number>} bytesOfAKey What one of its keys takes, with its record.
 * @property {() => Promise<void>} end
 */

/**
 * Starts one; rejects when there is no redis-server or it does not answer.
 * @param {Readonly<Record<string, string>>} [settings] More of redis.conf.
 * @returns {Promise<RedisServer>}
 */
export async function startRedis(settings = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'oncekey-bench-redis-'));
  const port = await freePort();
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder];
  for (const [key, value] of Object.entries(settings)) args.push(`--${key}`, value);
  const child = spawn('redis-server', args, { stdio: 'ignore' });
  const died = once(child, 'exit');
  const client = new Redis({ port, lazyConnect: true, retryStrategy: null });
  // Said again by the call that failed.
  client.on('error', () => {});
  const end = async () => {
    client.disconnect();
    child.kill();
    await died;
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await Promise.race([answers(client), once(child, 'error').then(([error]) => Promise.reject(error))]);
  } catch (cause) {
    await end();
    throw new Error('redis-server could not be started; is it installed?', { cause });
  }
  return {
    port,
    processId: child.pid ?? 0,
    async empty() {
      await client.flushall();
    },
    async bytesOfAKey() {
      const key = await client.callBuffer('randomkey');
      return Number(await client.call('memory', 'usage', /** @type {Buffer} */ (key)));
    },
    end,
  };
}

/** @param {Redis} client */
async function answers(client) {
  const endMs = performance.now() + deadlineMs;
  for (;;) {
    try {
      await client.connect();
      return;
    } catch (error) {
      if (performance.now() > endMs) throw error;
    }
    await scheduler.wait(20);
  }
}

/** @returns {Promise<number>} */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  server.close();
  await once(server, 'close');
  return port;
}
