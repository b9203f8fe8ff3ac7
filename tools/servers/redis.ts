/** A private Redis on 127.0.0.1: by default every write is synced before it is acknowledged, and nothing is ever evicted. */
import { join } from 'node:path';
import { makeFolder } from './folder.ts';
import { freePort } from './free-port.ts';
import { ensureProgram, programs } from './program.ts';
import { runCommand } from './run-command.ts';
import { type Server, startServer } from './server.ts';

/** How the server is set up. */
export interface RedisOptions {
  /** `always` (default), `everysec`, or `off`: nothing on disk at all. */
  readonly appendOnly?: 'always' | 'everysec' | 'off';
  /** Default `noeviction`. */
  readonly maxmemoryPolicy?: string;
  /** Such as `8mb`; default none. */
  readonly maxmemory?: string;
  readonly password?: string;
  /** The port of the primary that it follows. */
  readonly replicaOf?: number;
  /** More of redis.conf, such as `{ 'cluster-enabled': 'yes' }`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** The folder in which its own is made; default the system's temporary one. */
  readonly within?: string | undefined;
}

/** Starts Redis. */
export async function startRedis(options: RedisOptions = {}): Promise<Server> {
  const command = await ensureProgram(programs.redis);
  const folder = makeFolder('redis', undefined, options.within);
  const port = await freePort();
  const { password } = options;
  return startServer({
    name: 'redis',
    url: `redis://${password === undefined ? '' : `:${encodeURIComponent(password)}@`}127.0.0.1:${port}`,
    port,
    folder,
    command,
    args: Object.entries(settingsOf(options, folder, port)).flatMap(([key, value]) => [`--${key}`, value]),
    ready: async () => (await redisCommand(port, ['ping'], password)).trim() === 'PONG',
  });
}

/** What `redis-cli ARGS` prints when it asks the server on `port`. */
export function redisCommand(port: number, args: readonly string[], password?: string): Promise<string> {
  const environment: Record<string, string> = password === undefined ? {} : { REDISCLI_AUTH: password };
  return runCommand('redis-cli', ['-p', String(port), ...args], { environment, deadlineMs: 10_000 });
}

function settingsOf(options: RedisOptions, folder: string, port: number): Record<string, string> {
  const { appendOnly = 'always', maxmemoryPolicy = 'noeviction', maxmemory, password, replicaOf } = options;
  return {
    port: String(port),
    bind: '127.0.0.1',
    dir: join(folder),
    save: '',
    appendonly: appendOnly === 'off' ? 'no' : 'yes',
    appendfsync: appendOnly === 'off' ? 'no' : appendOnly,
    'maxmemory-policy': maxmemoryPolicy,
    ...(maxmemory !== undefined && { maxmemory }),
    ...(password !== undefined && { requirepass: password, masterauth: password }),
    ...(replicaOf !== undefined && { replicaof: `127.0.0.1 ${replicaOf}` }),
    // A replica is in step at once: the default waits 5 s for others to come along.
    'repl-diskless-sync-delay': '0',
    ...options.settings,
  };
}
