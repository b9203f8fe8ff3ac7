/**
 * `node tools/run.js servers NAME,… -- COMMAND …`: starts private servers, gives their addresses to the
 * command in its environment, ends them after it and exits as it did. For trying things by hand, and for
 * holding one's own store to the contract.
 */
import { spawn } from 'node:child_process';
import { startMariadb } from './mariadb.ts';
import { startNats } from './nats.ts';
import { startPostgres } from './postgres.ts';
import { startRabbitmq } from './rabbitmq.ts';
import { startRedisCluster } from './redis-cluster.ts';
import { startRedisSentinel } from './redis-sentinel.ts';
import { startRedis } from './redis.ts';

interface Started {
  readonly variable: string;
  readonly value: string;
  stop(): Promise<void>;
}

const starters = new Map<string, () => Promise<Started>>([
  ['postgres', () => known('ONCEKEY_POSTGRES_URL', startPostgres())],
  ['mariadb', () => known('ONCEKEY_MYSQL_URL', startMariadb())],
  ['redis', () => known('ONCEKEY_REDIS_URL', startRedis())],
  ['redis-cluster', () => known('ONCEKEY_REDIS_CLUSTER_URL', startRedisCluster())],
  ['redis-sentinel', sentinels],
  ['rabbitmq', () => known('ONCEKEY_AMQP_URL', startRabbitmq())],
  ['nats', () => known('ONCEKEY_NATS_URL', startNats())],
]);

async function known(variable: string, starting: Promise<{ url: string; stop(): Promise<void> }>): Promise<Started> {
  const { url, stop } = await starting;
  return { variable, value: url, stop };
}

async function sentinels(): Promise<Started> {
  const { sentinels: addresses, name, stop } = await startRedisSentinel();
  const value = `${name}@${addresses.map(({ host, port }) => `${host}:${port}`).join(',')}`;
  return { variable: 'ONCEKEY_REDIS_SENTINELS', value, stop };
}

async function runWithServers(names: readonly string[], command: readonly string[]): Promise<number> {
  const starting = await Promise.allSettled(
    [...starters].flatMap(([name, start]) => (names.includes(name) ? [start()] : [])),
  );
  const started = starting.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  try {
    const failed = starting.find((each) => each.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    for (const { variable, value } of started) process.stderr.write(`${variable}=${value}\n`);
    return await exitCodeOf(command, Object.fromEntries(started.map(({ variable, value }) => [variable, value])));
  } finally {
    await Promise.all(started.map(({ stop }) => stop()));
  }
}

function exitCodeOf([file = '', ...args]: readonly string[], environment: Record<string, string>): Promise<number> {
  const child = spawn(file, args, { stdio: 'inherit', env: { ...process.env, ...environment } });
  // Both reach the command from the terminal, or from here; the servers go when it has gone.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

const [list = '', separator, ...command] = process.argv.slice(2);
const names = list.split(',').filter((name) => name !== '');
const wrong = names.find((name) => !starters.has(name));
if (names.length === 0 || wrong !== undefined || separator !== '--' || command.length === 0) {
  const about = wrong === undefined ? '' : `servers: there is no server ${wrong}\n`;
  process.stderr.write(`${about}usage: node tools/run.js servers NAME,… -- COMMAND …\n`);
  process.stderr.write(`names: ${[...starters.keys()].join(', ')}\n`);
  process.exitCode = 2;
} else {
  process.exitCode = await runWithServers(names, command);
}
