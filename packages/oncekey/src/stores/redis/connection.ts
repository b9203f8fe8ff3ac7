/**
 * The two dialects of clients behind one seam: run the script, look through the keys of
 * every primary, hear messages. Replies come as buffers, so that bodies stay exact. It
 * knows no record and decides nothing.
 */
import type {
  BufferMapping,
  CommandArgument,
  IoRedis,
  IoRedisCluster,
  NodeRedis,
  NodeRedisCluster,
  NodeRedisNode,
  RedisClient,
} from './client.ts';
import { serverWord } from './failure.ts';

/** `coming`: not connected, and working on it. `closed`: nobody is. */
export type ConnectionState = 'ready' | 'coming' | 'closed';

/** A script and what a server that has loaded it knows it by. */
export interface Script {
  readonly text: string;
  readonly sha1: string;
}

/** A client, whichever it is. */
export interface Connection {
  /** Whether keys live on several nodes, so that a script works on one key. */
  readonly isCluster: boolean;
  /** What the client itself puts in front of every key. */
  readonly clientPrefix: string;
  state(): ConnectionState;
  /** Runs a script, which is loaded again after a failover or SCRIPT FLUSH. */
  run(script: Script, keys: string[], args: CommandArgument[]): Promise<unknown>;
  /** Writes where nothing is, for so many milliseconds, and answers null; or answers what is there. */
  setAbsent(key: string, value: Buffer, expiresInMs: string): Promise<unknown>;
  /** All keys that match, of every primary, some perhaps twice. */
  keys(pattern: string): AsyncIterable<Buffer[]>;
  /** What every primary tells of itself. */
  infos(): Promise<string[]>;
  /** Hears what is published, on a connection of its own; undefined in a cluster. */
  readonly subscribe?: Subscribe;
}

/** Hears a channel on a connection that is made for it. */
export type Subscribe = (channel: string, heard: (message: Buffer) => void) => Subscription;

/** A connection that hears, or is on its way to. */
export interface Subscription {
  /** Resolves once it hears; rejects when it never will. */
  readonly hearing: Promise<unknown>;
  /** Ends the connection, whatever it is doing: one that is left alone connects again for ever. */
  stop(): unknown;
}

const keysAtOnce = 1000;
const asBuffers: BufferMapping = { 36: Buffer };

/** The connection of a client. Throws a TypeError for what is none. */
export function connectionOf(client: RedisClient): Connection {
  if (typeof client === 'object' && client !== null) {
    if ('callBuffer' in client) return ioRedisConnection(client);
    if ('withTypeMapping' in client) return nodeRedisConnection(client);
  }
  throw new TypeError('redis: client must be one of ioredis, iovalkey or node-redis (version 5 or later)');
}

function ioRedisConnection(client: IoRedis | IoRedisCluster): Connection {
  const primaries = (): readonly Pick<IoRedis, 'callBuffer'>[] =>
    'nodes' in client ? client.nodes('master') : [client];
  return {
    isCluster: 'nodes' in client,
    clientPrefix: client.options.keyPrefix ?? '',
    state: () => ioRedisStates[client.status] ?? 'coming',
    run: (script, keys, args) =>
      loaded(
        () => client.callBuffer('evalsha', script.sha1, keys.length, ...keys, ...args),
        () => client.callBuffer('eval', script.text, keys.length, ...keys, ...args),
      ),
    setAbsent: (key, value, expiresInMs) => client.callBuffer('set', key, value, 'NX', 'GET', 'PX', expiresInMs),
    async *keys(pattern) {
      for (const primary of primaries()) {
        let cursor = '0';
        do {
          const scan = ['MATCH', pattern, 'COUNT', keysAtOnce];
          // oxlint-disable-next-line no-await-in-loop -- a page tells where the next begins
          const [next, keys] = (await primary.callBuffer('scan', cursor, ...scan)) as [Buffer, Buffer[]];
          yield keys;
          cursor = String(next);
        } while (cursor !== '0');
      }
    },
    infos: () => Promise.all(primaries().map(async (primary) => String(await primary.callBuffer('info')))),
    ...('duplicate' in client && !('nodes' in client) && { subscribe: ioRedisSubscribe(client) }),
  };
}

// A client that waits to connect does so with the first command.
const ioRedisStates: Readonly<Record<string, ConnectionState>> = { ready: 'ready', wait: 'ready', end: 'closed' };

function ioRedisSubscribe(client: IoRedis): Subscribe {
  return (channel, heard) => {
    const own = client.duplicate();
    // Messages are hints: a lost connection costs time, and the client connects again by itself.
    own.on('error', () => {});
    own.on('messageBuffer', (_channel, message) => heard(message));
    return { hearing: own.subscribe(channel), stop: () => own.disconnect() };
  };
}

function nodeRedisConnection(client: NodeRedis | NodeRedisCluster): Connection {
  const typed = client.withTypeMapping(asBuffers);
  return {
    isCluster: 'nodeClient' in client,
    clientPrefix: keyPrefixOf(client),
    state: () => (!client.isOpen ? 'closed' : 'isReady' in client && !client.isReady ? 'coming' : 'ready'),
    run: (script, keys, args) =>
      loaded(
        () => typed.evalSha(script.sha1, { keys, arguments: args }),
        () => typed.eval(script.text, { keys, arguments: args }),
      ),
    setAbsent: (key, value, expiresInMs) =>
      typed.set(key, value, { condition: 'NX', GET: true, expiration: { type: 'PX', value: Number(expiresInMs) } }),
    async *keys(pattern) {
      for (const node of await nodesOf(client)) {
        let cursor = '0';
        do {
          // oxlint-disable-next-line no-await-in-loop -- a page tells where the next begins
          const page = await node.scan(cursor, { MATCH: pattern, COUNT: keysAtOnce });
          yield page.keys as Buffer[];
          cursor = String(page.cursor);
        } while (cursor !== '0');
      }
    },
    infos: async () => Promise.all((await nodesOf(client)).map(async (node) => String(await node.info()))),
    ...(!('nodeClient' in client) && { subscribe: nodeRedisSubscribe(client) }),
  };
}

async function nodesOf(client: NodeRedis | NodeRedisCluster): Promise<NodeRedisNode[]> {
  if (!('nodeClient' in client)) return [client.withTypeMapping(asBuffers)];
  const nodes = await Promise.all(client.masters.map((master) => client.nodeClient(master)));
  return nodes.map((node) => node.withTypeMapping(asBuffers));
}

function keyPrefixOf(client: object): string {
  const { keyPrefix } = (client as { options?: { keyPrefix?: string | Buffer } }).options ?? {};
  return keyPrefix?.toString() ?? '';
}

function nodeRedisSubscribe(client: NodeRedis): Subscribe {
  return (channel, heard) => {
    const own = client.duplicate();
    // Messages are hints: a lost connection costs time, and the client connects again by itself.
    own.on('error', () => {});
    const hear = async (): Promise<void> => {
      await own.connect();
      await own.subscribe(channel, heard, true);
    };
    return { hearing: hear(), stop: () => own.destroy() };
  };
}

function loaded(bySha1: () => Promise<unknown>, whole: () => Promise<unknown>): Promise<unknown> {
  return bySha1().catch((error: unknown) => {
    if (serverWord(error) !== 'NOSCRIPT') throw error;
    return whole();
  });
}
