/**
 * The private servers of the tests, held to what tests rely on: they serve when their promise
 * resolves, keep what was acknowledged over a kill -9, fail over, and leave nothing behind.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import amqplib from 'amqplib';
import { Cluster, Redis } from 'ioredis';
import mysql from 'mysql2/promise';
import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { startMariadb } from './mariadb.ts';
import { startNats } from './nats.ts';
import { startPostgres } from './postgres.ts';
import { descendantsOf, isAlive } from './process-tree.ts';
import { startRabbitmq } from './rabbitmq.ts';
import { startRedisCluster } from './redis-cluster.ts';
import { startRedisSentinel } from './redis-sentinel.ts';
import { redisCommand, startRedis } from './redis.ts';
import type { Server } from './server.ts';
import { serverForFile } from './server-for-file.ts';

async function inPostgres(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

async function inMariadb(url: string, text: string): Promise<unknown> {
  const connection = await mysql.createConnection(url);
  try {
    return (await connection.query(text))[0];
  } finally {
    await connection.end();
  }
}

function foldersOf(processId: number): string[] {
  return readdirSync(tmpdir()).filter((name) => name.startsWith(`oncekey-server-${processId}-`));
}

async function endsWithoutTrace(server: Server): Promise<void> {
  const processIds = [server.processId, ...descendantsOf(server.processId)];
  await server.stop();
  expect(processIds.filter(isAlive)).toEqual([]);
  expect(server.processId).toBe(0);
}

describe('PostgreSQL', () => {
  const server = serverForFile(startPostgres);

  test('keeps a committed row when it is killed, and serves again on its port', async () => {
    await inPostgres(server().url, 'create table kept (id int); insert into kept values (1)');
    await server().restart('SIGKILL');
    expect(await inPostgres(server().url, 'select id from kept')).toEqual([{ id: 1 }]);
    expect(await inPostgres(server().url, 'show fsync')).toEqual([{ fsync: 'on' }]);
  });

  test('two stand beside each other and one leaves no trace', async () => {
    const other = await startPostgres({ fsync: false, settings: { deadlock_timeout: '100ms' } });
    expect(await inPostgres(other.url, 'show deadlock_timeout')).toEqual([{ deadlock_timeout: '100ms' }]);
    await endsWithoutTrace(other);
    expect(await inPostgres(server().url, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  test('says nothing while paused, and goes on when resumed', async () => {
    const client = new pg.Client({ connectionString: server().url });
    await client.connect();
    server().pause();
    let answered = false;
    const asked = client.query('select 1').then(() => (answered = true));
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(answered).toBe(false);
    server().resume();
    await asked;
    await client.end();
  });
});

test.concurrent('MariaDB keeps a committed row when it is killed, and leaves no trace', async () => {
  const server = await startMariadb();
  await inMariadb(server.url, 'create table kept (id int)');
  await inMariadb(server.url, 'insert into kept values (1)');
  await server.restart('SIGKILL');
  expect(await inMariadb(server.url, 'select id from kept')).toEqual([{ id: 1 }]);
  expect(await inMariadb(server.url, 'select @@innodb_flush_log_at_trx_commit as flush')).toEqual([{ flush: 1 }]);
  await endsWithoutTrace(server);
});

test.concurrent('Redis keeps an acknowledged write when it is killed, asks for its password and leaves no trace', async () => {
  const server = await startRedis({ password: 'secret', maxmemoryPolicy: 'allkeys-lru' });
  const client = new Redis(server.url, { lazyConnect: true, retryStrategy: () => 20 });
  client.on('error', () => {});
  await client.set('kept', '1');
  expect(await redisCommand(server.port, ['get', 'kept'])).toContain('NOAUTH');
  await server.restart('SIGKILL');
  expect(await client.get('kept')).toBe('1');
  expect(await redisCommand(server.port, ['config', 'get', 'maxmemory-policy'], 'secret')).toContain('allkeys-lru');
  client.disconnect();
  await endsWithoutTrace(server);
});

test.concurrent('Sentinel promotes the replica of a killed primary, and takes the old one back', async () => {
  const watched = await startRedisSentinel();
  try {
    const [primary] = watched.servers;
    expect(await watched.primaryPort()).toBe(primary.port);
    const client = new Redis({
      sentinels: [...watched.sentinels],
      name: watched.name,
      sentinelRetryStrategy: () => 50,
    });
    client.on('error', () => {});
    await client.set('before', '1');
    expect(await client.wait(1, 1000)).toBe(1);
    await primary.kill();
    await watched.failedOver(primary.port);
    expect(await client.get('before')).toBe('1');
    client.disconnect();
    await watched.rejoin(primary);
  } finally {
    await watched.stop();
  }
});

test.concurrent('a Cluster promotes the replica of a killed primary, and takes the old one back', async () => {
  const cluster = await startRedisCluster();
  try {
    const client = new Cluster(cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port })));
    client.on('error', () => {});
    const primary = await cluster.primaryOf('before');
    await client.set('before', '1');
    await redisCommand(primary.port, ['wait', '1', '1000']);
    await primary.kill();
    await cluster.failedOver('before', primary);
    expect(await client.get('before')).toBe('1');
    client.disconnect();
    await primary.start();
    await cluster.settled();
  } finally {
    await cluster.stop();
  }
});

/** What the server answers to `body` on `subject`, over its text protocol. */
async function inNats(port: number, subject: string, body: object): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  const text = JSON.stringify(body);
  socket.write(`CONNECT {"verbose":false}\r\nSUB answers 1\r\nPUB ${subject} answers ${text.length}\r\n${text}\r\n`);
  try {
    for await (const line of createInterface(socket)) if (line.startsWith('{')) return line;
    throw new Error('no answer');
  } finally {
    socket.destroy();
  }
}

test.concurrent('NATS keeps a stream when it is killed, and leaves no trace', async () => {
  const server = await startNats();
  await inNats(server.port, '$JS.API.STREAM.CREATE.orders', { name: 'orders', subjects: ['orders.*'] });
  await inNats(server.port, 'orders.new', { order: 1 });
  await server.restart('SIGKILL');
  const answer = await inNats(server.port, '$JS.API.STREAM.INFO.orders', {});
  expect(JSON.parse(answer)).toMatchObject({ state: { messages: 1 } });
  await endsWithoutTrace(server);
});

test.concurrent('RabbitMQ delivers what was sent, and leaves no trace: no port mapper either', async () => {
  const server = await startRabbitmq();
  const connection = await amqplib.connect(server.url);
  const channel = await connection.createConfirmChannel();
  await channel.assertQueue('orders', { durable: true });
  channel.sendToQueue('orders', Buffer.from('one'), { persistent: true });
  await channel.waitForConfirms();
  expect(await channel.get('orders')).toMatchObject({ content: Buffer.from('one') });
  await connection.close();
  await endsWithoutTrace(server);
  expect(foldersOf(process.pid).filter((name) => /rabbitmq|epmd/.test(name))).toEqual([]);
});

describe('node tools/run.js servers', () => {
  const program = fileURLToPath(new URL('../run.js', import.meta.url));
  const start = (...args: string[]): ChildProcess =>
    spawn(process.execPath, [program, 'servers', ...args], { stdio: ['ignore', 'pipe', 'ignore'] });

  test('gives the command its server, ends with its exit code and leaves nothing', async () => {
    const child = start('redis', '--', 'sh', '-c', 'redis-cli -u "$ONCEKEY_REDIS_URL" ping; exit 7');
    if (child.stdout === null) throw new Error('no output');
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
    const [code] = (await once(child, 'exit')) as [number];
    expect({ line, code, folders: foldersOf(child.pid ?? 0) }).toEqual({ line: 'PONG', code: 7, folders: [] });
  });

  test('takes its server along when it is killed', async () => {
    const child = start('redis', '--', 'sh', '-c', 'echo "$ONCEKEY_REDIS_URL"; sleep 60');
    if (child.stdout === null) throw new Error('no output');
    const [url] = (await once(createInterface(child.stdout), 'line')) as [string];
    const processIds = descendantsOf(child.pid ?? 0);
    expect(processIds.length).toBeGreaterThanOrEqual(2);
    child.kill('SIGKILL');
    await once(child, 'exit');
    const port = Number(new URL(url).port);
    await expect.poll(() => redisCommand(port, ['ping']).catch(() => 'gone'), { timeout: 5000 }).toBe('gone');
    // The command that it ran is its own; the folder is removed by whoever makes the next one.
    for (const processId of processIds.filter(isAlive)) process.kill(processId, 'SIGKILL');
    expect(foldersOf(child.pid ?? 0)).toHaveLength(1);
    await once(start('redis', '--', 'true'), 'exit');
    expect(foldersOf(child.pid ?? 0)).toEqual([]);
  });

  test('refuses a server that it does not know', async () => {
    const [code] = (await once(start('oracle', '--', 'true'), 'exit')) as [number];
    expect(code).toBe(2);
  });
});
