/** A Redis Cluster of six nodes on 127.0.0.1, three primaries with a replica each, that notices a dead node within a second. */
import { freePort } from './free-port.ts';
import { redisCommand, startRedis } from './redis.ts';
import type { Server } from './server.ts';
import { waitUntil } from './wait-until.ts';

/** A whole cluster. */
export interface RedisCluster {
  /** `redis+cluster://host:port,host:port,…`, all six. */
  readonly url: string;
  readonly nodes: readonly Server[];
  /** The primary that serves `key`'s slot now. */
  primaryOf(key: string): Promise<Server>;
  /** Waits until another node than `was` serves `key`'s slot and the cluster is whole. */
  failedOver(key: string, was: Server): Promise<void>;
  /** Waits until every node runs, agrees and every primary has its replica in step. */
  settled(): Promise<void>;
  stop(): Promise<void>;
}

const nodeCount = 6;
const nodeTimeoutMs = 500;

/** Starts the nodes and joins them; resolves when each primary has its replica. */
export async function startRedisCluster(): Promise<RedisCluster> {
  const starting = await Promise.allSettled(Array.from({ length: nodeCount }, startNode));
  const nodes = starting.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.stop()));
  };
  try {
    const failed = starting.find((each) => each.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`);
    const [first] = nodes;
    if (first === undefined) throw new Error('a cluster has nodes');
    await redisCommand(first.port, ['--cluster', 'create', ...addresses, '--cluster-replicas', '1', '--cluster-yes']);
    const cluster = clusterOf(nodes, stop);
    await cluster.settled();
    return cluster;
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startNode(): Promise<Server> {
  const settings = {
    'cluster-enabled': 'yes',
    'cluster-port': String(await freePort()),
    'cluster-node-timeout': String(nodeTimeoutMs),
    // A replica that was out of touch for longer than this many timeouts would never be promoted; ours always may.
    'cluster-replica-validity-factor': '0',
  };
  return startRedis({ settings });
}

function clusterOf(nodes: readonly Server[], stop: () => Promise<void>): RedisCluster {
  const url = `redis+cluster://${nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')}`;
  const primaryOf = async (key: string): Promise<Server> => {
    const port = await askAny(nodes, (node) => primaryPortOf(node, key));
    const primary = nodes.find((node) => node.port === port);
    if (primary === undefined) throw new Error(`no node of the cluster serves ${key}`);
    return primary;
  };
  return {
    url,
    nodes,
    primaryOf,
    failedOver: (key, was) =>
      waitUntil('a replica is promoted', async () => (await primaryOf(key)) !== was && (await allAgree(nodes))),
    settled: () =>
      waitUntil('the cluster is whole', async () => (await allAgree(nodes)) && (await replicasInStep(nodes))),
    stop,
  };
}

async function askAny<T>(nodes: readonly Server[], ask: (node: Server) => Promise<T>): Promise<T> {
  return Promise.any(nodes.filter(({ processId }) => processId !== 0).map(ask));
}

// `cluster nodes`: id, address, flags, primary's id, ping, pong, epoch, link, slots…
async function primaryPortOf(node: Server, key: string): Promise<number> {
  const slot = Number(await redisCommand(node.port, ['cluster', 'keyslot', key]));
  for (const line of (await redisCommand(node.port, ['cluster', 'nodes'])).split('\n')) {
    const [, address = '', flags = '', , , , , , ...slots] = line.split(' ');
    if (flags.includes('fail') || !flags.includes('master')) continue;
    if (slots.some((range) => holds(range, slot))) return Number(/:(\d+)/.exec(address)?.[1]);
  }
  throw new Error(`slot ${slot} is served by nobody`);
}

function holds(range: string, slot: number): boolean {
  const [first, last = first] = range.split('-').map(Number);
  return slot >= (first ?? Number.NaN) && slot <= (last ?? Number.NaN);
}

async function allAgree(nodes: readonly Server[]): Promise<boolean> {
  const alive = nodes.filter(({ processId }) => processId !== 0);
  const facts = await Promise.all(alive.map(({ port }) => redisCommand(port, ['cluster', 'info'])));
  return facts.every((text) => text.includes('cluster_state:ok') && text.includes(`cluster_known_nodes:${nodeCount}`));
}

async function replicasInStep(nodes: readonly Server[]): Promise<boolean> {
  if (nodes.some(({ processId }) => processId === 0)) return false;
  const facts = await Promise.all(nodes.map(({ port }) => redisCommand(port, ['info', 'replication'])));
  const replicas = facts.filter((text) => text.includes('role:slave'));
  return replicas.length === nodeCount / 2 && replicas.every((text) => text.includes('master_link_status:up'));
}
