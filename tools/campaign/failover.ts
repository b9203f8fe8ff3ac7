/**
 * The campaign `failover`: the Redis primary is killed under Sentinel and in a Cluster, and a replica is promoted
 * (RELIABILITY check 5). Redis alone: how many acknowledged completions ran again is counted. Tiered: none may.
 */
import { killPrimaries, type Replicated } from '../faults/killed-primary.ts';
import type { Place, RedisAddress } from '../faults/place.ts';
import { startMigratedPostgres } from '../faults/stand.ts';
import { startRedisCluster } from '../servers/redis-cluster.ts';
import { redisCommand } from '../servers/redis.ts';
import { startRedisSentinel } from '../servers/redis-sentinel.ts';
import type { Server } from '../servers/server.ts';
import { storesUnderTest } from '../servers/stores-under-test.ts';
import { type CampaignAsk, measured } from './measured.ts';

interface Topology extends Replicated {
  readonly at: RedisAddress;
  stop(): Promise<void>;
}

// The network may part a replica from its primary for so long; who is silent for 500 ms is taken for dead.
const cutOffMs = 100;

/** Runs it. A failover takes seconds: a tenth of the runs that are asked for. */
export async function failover({ runs, ...rest }: CampaignAsk): Promise<void> {
  const ask = { ...rest, runs: Math.max(1, Math.ceil(runs / 10)) };
  const stores = storesUnderTest(['redis', 'tiered'] as const);
  for (const [word, start] of [
    ['Sentinel', underSentinel],
    ['Cluster', inCluster],
  ] as const) {
    const topology = await start();
    const durable = stores.includes('tiered') ? await startMigratedPostgres() : undefined;
    const { at } = topology;
    const trial = async (place: Place, mayLose: boolean, cut: number): Promise<void> => {
      const metric = `${place.store}, ${word}${cut > 0 ? `, replica cut off for ${cut} ms` : ''}`;
      await measured('failover', metric, ask, (plan) =>
        killPrimaries(place, topology, { mayLose, cutOffMs: cut }, plan),
      );
    };
    try {
      for (const cut of [0, cutOffMs]) {
        if (stores.includes('redis')) await trial({ store: 'redis', at }, true, cut);
        if (durable !== undefined) await trial({ store: 'tiered', url: durable.url, hot: at }, false, cut);
      }
    } finally {
      await Promise.all([topology.stop(), durable?.stop()]);
    }
  }
}

async function underSentinel(): Promise<Topology> {
  const { sentinels, name, servers, primaryPort, failedOver, rejoin, stop } = await startRedisSentinel();
  return {
    at: { sentinels, name },
    async primary() {
      const port = await primaryPort();
      const primary = servers.find((server) => server.port === port);
      if (primary === undefined) throw new Error(`nobody listens on the primary's port ${port}`);
      return primary;
    },
    replicaOf: (primary) => replicaIn(servers, primary),
    failedOver: (killed) => failedOver(killed.port),
    rejoin,
    stop,
  };
}

async function inCluster(): Promise<Topology> {
  const cluster = await startRedisCluster();
  // The slot by which the last primary was chosen tells when it has another one.
  let key = '';
  return {
    at: { nodes: cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port })) },
    primary(choice) {
      key = `slot-${choice}`;
      return cluster.primaryOf(key);
    },
    replicaOf: (primary) => replicaIn(cluster.nodes, primary),
    failedOver: (killed) => cluster.failedOver(key, killed),
    async rejoin(killed) {
      await killed.start();
      await cluster.settled();
    },
    stop: () => cluster.stop(),
  };
}

async function replicaIn(servers: readonly Server[], primary: Server): Promise<Server> {
  const port = Number(
    /^slave0:ip=[^,]*,port=(\d+)/m.exec(await redisCommand(primary.port, ['info', 'replication']))?.[1],
  );
  const replica = servers.find((server) => server.port === port);
  if (replica === undefined) throw new Error(`the primary on port ${primary.port} has no replica among the servers`);
  return replica;
}
