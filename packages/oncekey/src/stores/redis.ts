/**
 * Records in Redis or Valkey, one string each: fast, shared by any number of processes. It
 * keeps I1–I3, I6 and I13–I15 by one atomic script a call, judged by the server's clock.
 * What it cannot keep: replication is asynchronous, so a failover can lose the last writes,
 * and with them a claim or an outcome (I5); put it in front of a durable store where that matters.
 */
import type { RecordId } from '../core/store.ts';
import { Calls } from './redis/calls.ts';
import { checkServers } from './redis/check.ts';
import type { RedisClient } from './redis/client.ts';
import { connectionOf } from './redis/connection.ts';
import { Deadlines } from './redis/deadlines.ts';
import { idLength } from './redis/key.ts';
import { list } from './redis/listing.ts';
import { erase, look, note, put, resolve } from './redis/operating.ts';
import { extend, read, release, saveStep } from './redis/ownership.ts';
import { Messages } from './redis/messages.ts';
import { QuickCalls } from './redis/quick.ts';
import type { WholeStore } from './whole-store.ts';

export type * from './redis/client.ts';

/** How a Redis store behaves. */
export interface RedisOptions {
  /** What the store's keys begin with; default `oncekey:`. In a cluster a `{tag}` in it puts all records on one node. */
  readonly prefix?: string;
  /** Whether `check` accepts a server that may evict records when its memory is full; default false. */
  readonly allowEviction?: boolean;
  /** A run that is not answered for so long is given up, in milliseconds; default 5000. Engines give up sooner. */
  readonly timeoutMs?: number;
}

/** {@link Store} with promises and with all that is optional; `watch` is there unless the client is a cluster's. */
export type RedisStore = WholeStore;

/**
 * A store on the user's client of ioredis, iovalkey or node-redis, alone, through Sentinel or as a Cluster; it is never
 * closed, and node-redis has to be connected. Redis 7 or Valkey. Each record is one string, and the server removes it
 * when its time is over. Calls that arrive while others are under way share a run of the script. Throws a TypeError
 * for a wrong option.
 */
export function redis(client: RedisClient, options: RedisOptions = {}): RedisStore {
  const { prefix = 'oncekey:', allowEviction = false, timeoutMs = 5000 } = options;
  checkOptions(prefix, timeoutMs);
  const connection = connectionOf(client);
  const deadlines = new Deadlines(timeoutMs);
  const callOptions = { connection, prefix, deadlines, channel: `${prefix}changed` };
  const calls = new Calls(callOptions);
  const quick = new QuickCalls(callOptions, calls);
  const { subscribe } = connection;
  const messages = subscribe && new Messages((heard) => subscribe(`${prefix}changed`, heard));
  return {
    name: 'redis',
    claim: (ask) => quick.claim(ask),
    extend: (id, token, leaseMs) => calls.make(extend, { id, token, leaseMs }),
    complete: (ask) => quick.complete(ask),
    release: (id, token, keepMs) => calls.make(release, { id, token, keepMs }),
    read: (id) => calls.make(read, { id }),
    saveStep: (id, token, step) => calls.make(saveStep, { id, token, step }),
    put: (record) => calls.make(put, record),
    async note(notes) {
      await Promise.all(notes.map((one) => calls.make(note, one)));
    },
    list: (ask) =>
      list(ask, {
        keys: () => deadlines.pages(connection.keys(patternOf(connection.clientPrefix + prefix))),
        look: (id) => calls.make(look, { id }),
        read: (id) => calls.make(read, { id }),
      }),
    resolve: (ask) => calls.make(resolve, ask),
    erase: (id, keepMs) => calls.make(erase, { id, keepMs }),
    // The server removes what is over by itself.
    sweep: async () => ({ removed: 0, more: false }),
    check: () => checkServers(() => deadlines.inTime(connection.infos()), calls, allowEviction),
    ...(messages !== undefined && { watch: (id: RecordId, changed: () => void) => messages.watch(id, changed) }),
    close: async () => messages?.close(),
  };
}

function patternOf(prefix: string): string {
  return prefix.replaceAll(/[\\*?[\]]/g, '\\$&') + '[0-9a-f]'.repeat(idLength);
}

function checkOptions(prefix: unknown, timeoutMs: number): void {
  if (typeof prefix !== 'string' || prefix === '' || Buffer.byteLength(prefix) > 200) {
    throw new TypeError('redis: options.prefix must be a text of 1 to 200 bytes');
  }
  if (!(timeoutMs > 0)) throw new TypeError('redis: options.timeoutMs must be more than 0');
}
