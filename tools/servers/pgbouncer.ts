/**
 * A private PgBouncer in front of a private PostgreSQL, in transaction mode: each transaction,
 * and each statement outside of one, gets whichever connection to the server is free, and what
 * was prepared on it by others stays there.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { giveTo, makeFolder } from './folder.ts';
import { freePort } from './free-port.ts';
import { greetingOf } from './greeting.ts';
import { ensureProgram, programs } from './program.ts';
import { runCommand } from './run-command.ts';
import { type Server, startServer } from './server.ts';
import { userFor } from './user.ts';

/** How the pooler is set up. */
export interface PgbouncerOptions {
  /** Connections to the server for each database; default 4, so that clients meet each other's all the time. */
  readonly poolSize?: number;
  /** Whether it follows what a client has prepared from session to session, as those from 1.21 on can; default false. */
  readonly followsPrepared?: boolean;
}

/** Starts PgBouncer before the PostgreSQL on `serverPort`; `url` names the superuser `postgres` and its database. */
export async function startPgbouncer(
  serverPort: number,
  { poolSize = 4, followsPrepared = false }: PgbouncerOptions = {},
): Promise<Server> {
  const command = await ensureProgram(programs.pgbouncer);
  const canFollow = isFollowing(await runCommand(command, ['--version']));
  if (followsPrepared && !canFollow)
    throw new Error('this PgBouncer is older than 1.21: it follows no prepared statements');
  // It refuses to run as root.
  const user = userFor('postgres');
  const folder = makeFolder('pgbouncer', user);
  const port = await freePort();
  const all: Record<string, string> = {
    listen_addr: '127.0.0.1',
    listen_port: String(port),
    unix_socket_dir: '',
    auth_type: 'any',
    pool_mode: 'transaction',
    default_pool_size: String(poolSize),
    max_client_conn: '1000',
    ...(canFollow ? { max_prepared_statements: followsPrepared ? '100' : '0' } : {}),
  };
  const file = join(folder, 'pgbouncer.ini');
  const main = Object.entries(all).map(([key, value]) => `${key} = ${value}\n`);
  writeFileSync(
    file,
    `[databases]\n* = host=127.0.0.1 port=${serverPort} user=postgres\n[pgbouncer]\n${main.join('')}`,
  );
  if (user !== undefined) giveTo(user, file);
  return startServer({
    name: 'pgbouncer',
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    port,
    folder,
    command,
    args: [file],
    user,
    ready: async () => (await greetingOf(port, tlsRequest)).toString() === 'N',
  });
}

function isFollowing(version: string): boolean {
  const [, major = 0, minor = 0] = /(\d+)\.(\d+)/.exec(version)?.map(Number) ?? [];
  return major > 1 || minor >= 21;
}

/** Asks for TLS, which a server that has none answers with one letter. */
const tlsRequest = Uint8Array.of(0, 0, 0, 8, 4, 210, 22, 47);
