/**
 * A Redis primary with one replica under three Sentinels, set to notice a dead primary within a
 * second. Sentinels start only when the replica's link is up: started before, they abort the failover.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder } from './folder.ts';
import { freePort } from './free-port.ts';
import { ensureProgram, programs } from './program.ts';
import { redisCommand, startRedis } from './redis.ts';
import { type Server, startServer } from './server.ts';
import { waitUntil } from './wait-until.ts';

/** A watched pair. */
export interface RedisSentinel {
  /** What clients ask where the primary is: `{ sentinels, name }` of ioredis. */
  readonly sentinels: readonly { readonly host: string; readonly port: number }[];
  readonly name: string;
  /** Both data servers, the first primary first. */
  readonly servers: readonly [Server, Server];
  /** The port that the Sentinels call primary now. */
  primaryPort(): Promise<number>;
  /** Waits until the primary is another one than on `port`, and writable. */
  failedOver(port: number): Promise<void>;
  /** Starts a killed server as the replica of today's primary; resolves when a failover would succeed again. */
  rejoin(server: Server): Promise<void>;
  stop(): Promise<void>;
}

const name = 'oncekey';
const [sentinelCount, quorum] = [3, 2];

/** Starts primary, replica and Sentinels; resolves when a failover would succeed. */
export async function startRedisSentinel(): Promise<RedisSentinel> {
  const started: Server[] = [];
  const keep = async (starting: Promise<Server>): Promise<Server> => {
    const server = await starting;
    started.push(server);
    return server;
  };
  const stop = async (): Promise<void> => {
    await Promise.all(started.map((server) => server.stop()));
  };
  try {
    const primary = await keep(startRedis());
    const replica = await keep(startRedis({ replicaOf: primary.port }));
    await linkIsUp(replica.port);
    const starting = Array.from({ length: sentinelCount }, () => keep(startSentinel(primary.port)));
    const sentinels = await Promise.all(starting);
    const ports = sentinels.map(({ port }) => port);
    const watched = watch(ports);
    await watched.settled();
    const rejoin = async (server: Server): Promise<void> => {
      await server.start();
      // The Sentinels would do this, too, eight seconds later.
      await redisCommand(server.port, ['replicaof', '127.0.0.1', String(await watched.primaryPort())]);
      await watched.settled();
    };
    const addresses = ports.map((port) => ({ host: '127.0.0.1', port }));
    return { sentinels: addresses, name, servers: [primary, replica], ...watched, rejoin, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface Watched extends Pick<RedisSentinel, 'primaryPort' | 'failedOver'> {
  /** Waits until the primary has its replica in step and all Sentinels see both. */
  settled(): Promise<void>;
}

function watch(ports: readonly number[]): Watched {
  const primaryPort = async (): Promise<number> => {
    const [first = 0] = ports;
    return Number((await redisCommand(first, ['sentinel', 'get-master-addr-by-name', name])).split('\n')[1]);
  };
  return {
    primaryPort,
    failedOver: (port) =>
      waitUntil('a replica is promoted', async () => {
        const now = await primaryPort();
        return now !== port && (await redisCommand(now, ['role'])).startsWith('master');
      }),
    settled: () =>
      waitUntil('the Sentinels see primary and replica', async () => {
        if (!(await redisCommand(await primaryPort(), ['info', 'replication'])).includes('state=online')) return false;
        const facts = await Promise.all(ports.map(factsOf));
        return facts.every(isWhole);
      }),
  };
}

async function linkIsUp(port: number): Promise<void> {
  await waitUntil('the replica follows', async () =>
    (await redisCommand(port, ['info', 'replication'])).includes('master_link_status:up'),
  );
}

async function startSentinel(primaryPort: number): Promise<Server> {
  const command = await ensureProgram(programs.redis);
  const folder = makeFolder('sentinel');
  const port = await freePort();
  const file = join(folder, 'sentinel.conf');
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${folder}`,
    `sentinel monitor ${name} 127.0.0.1 ${primaryPort} ${quorum}`,
    `sentinel down-after-milliseconds ${name} 500`,
    `sentinel failover-timeout ${name} 5000`,
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  const ready = async (): Promise<boolean> => (await redisCommand(port, ['ping'])).trim() === 'PONG';
  const url = `redis://127.0.0.1:${port}`;
  return startServer({ name: 'sentinel', url, port, folder, command, args: [file, '--sentinel'], ready });
}

type Facts = ReadonlyMap<string, string>;

async function factsOf(port: number): Promise<Facts> {
  const lines = (await redisCommand(port, ['sentinel', 'master', name])).split('\n');
  return new Map(lines.flatMap((line, index) => (index % 2 === 0 ? [[line, lines[index + 1] ?? ''] as const] : [])));
}

function isWhole(facts: Facts): boolean {
  const others = Number(facts.get('num-other-sentinels'));
  return facts.get('flags') === 'master' && Number(facts.get('num-slaves')) >= 1 && others === sentinelCount - 1;
}
