/**
 * The clients that the store takes, described by what it uses of them: ioredis and
 * iovalkey, alone, through Sentinel or as a Cluster, and node-redis (`createClient`,
 * `createSentinel`, `createCluster`). None of them is imported.
 */

/** An argument of a command. */
export type CommandArgument = string | Buffer;

/** `Redis` of ioredis or iovalkey. */
export interface IoRedis {
  readonly status: string;
  readonly options: { readonly keyPrefix?: string | undefined };
  callBuffer(command: string, ...args: (string | Buffer | number)[]): Promise<unknown>;
  duplicate(): IoRedisSubscriber;
}

/** The connection that ioredis hears messages on. */
export interface IoRedisSubscriber {
  subscribe(channel: string): Promise<unknown>;
  on(event: 'messageBuffer', listener: (channel: Buffer, message: Buffer) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  disconnect(): void;
}

/** `Cluster` of ioredis or iovalkey. */
export interface IoRedisCluster {
  readonly status: string;
  readonly isCluster: boolean;
  readonly options: { readonly keyPrefix?: string | undefined };
  callBuffer(command: string, ...args: (string | Buffer | number)[]): Promise<unknown>;
  nodes(role: 'master'): readonly Pick<IoRedis, 'callBuffer'>[];
}

/** The commands of node-redis that answer buffers. */
export interface NodeRedisCommands {
  evalSha(sha1: string, options: NodeRedisEvalOptions): Promise<unknown>;
  eval(script: string, options: NodeRedisEvalOptions): Promise<unknown>;
  set(key: string, value: Buffer, options: NodeRedisSetOptions): Promise<unknown>;
}

/** How a claim is set: only where nothing is, answering what is there, for a time. */
export interface NodeRedisSetOptions {
  condition: 'NX';
  GET: true;
  expiration: { type: 'PX'; value: number };
}

/** Keys and arguments of a script. */
export interface NodeRedisEvalOptions {
  keys: string[];
  arguments: CommandArgument[];
}

/** What node-redis asks of one node. */
export interface NodeRedisNode {
  scan(cursor: string, options: { MATCH: string; COUNT: number }): Promise<{ cursor: unknown; keys: unknown[] }>;
  info(): Promise<unknown>;
}

/** How blob strings (`$`) are answered: as buffers. */
export interface BufferMapping {
  36: BufferConstructor;
}

/** A client of `createClient` or `createSentinel`. */
export interface NodeRedis {
  readonly isOpen: boolean;
  readonly isReady: boolean;
  withTypeMapping(mapping: BufferMapping): NodeRedisCommands & NodeRedisNode;
  duplicate(): NodeRedisSubscriber;
}

/** The connection that node-redis hears messages on. */
export interface NodeRedisSubscriber {
  connect(): Promise<unknown>;
  subscribe(channel: string, listener: (message: Buffer) => unknown, bufferMode: true): Promise<unknown>;
  on(event: 'error', listener: (error: Error) => void): unknown;
  destroy(): unknown;
}

/** A client of `createCluster`. */
export interface NodeRedisCluster {
  readonly isOpen: boolean;
  readonly masters: readonly object[];
  withTypeMapping(mapping: BufferMapping): NodeRedisCommands;
  nodeClient(node: object): Promise<{ withTypeMapping(mapping: BufferMapping): NodeRedisNode }>;
}

/** Any client that the store takes. */
export type RedisClient = IoRedis | IoRedisCluster | NodeRedis | NodeRedisCluster;
