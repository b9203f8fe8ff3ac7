/** A private PostgreSQL: its own data folder, port and superuser without password, on 127.0.0.1 only, no socket file. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { makeFolder } from './folder.ts';
import { freePort } from './free-port.ts';
import { ensureProgram, programs } from './program.ts';
import { runCommand } from './run-command.ts';
import { type Server, startServer } from './server.ts';
import { fillFromTemplate } from './template.ts';
import { userFor } from './user.ts';

/** How the server is set up. */
export interface PostgresOptions {
  /** Whether a commit reaches the disk before it is acknowledged; default true. Without it a test says nothing about durability. */
  readonly fsync?: boolean;
  /** More of postgresql.conf, such as `{ deadlock_timeout: '100ms' }`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** The folder in which its own is made; default the system's temporary one. */
  readonly within?: string | undefined;
}

/** Starts PostgreSQL; `url` names the superuser `postgres` and its database. */
export async function startPostgres({ fsync = true, settings = {}, within }: PostgresOptions = {}): Promise<Server> {
  const command = await ensureProgram(programs.postgres);
  const user = userFor('postgres');
  const folder = makeFolder('postgres', user, within);
  const data = join(folder, 'data');
  const version = (await runCommand(command, ['--version'])).replaceAll(/[^\w.]+/g, '-');
  await fillFromTemplate(version, data, () => initialise(join(dirname(command), 'initdb'), data, user));
  const port = await freePort();
  const all: Record<string, string> = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: '300',
    fsync: fsync ? 'on' : 'off',
    // Without fsync there is nothing to wait for.
    synchronous_commit: fsync ? 'on' : 'off',
    ...settings,
  };
  return startServer({
    name: 'postgres',
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    port,
    folder,
    command,
    args: ['-D', data, '-p', String(port), ...Object.entries(all).flatMap(([key, value]) => ['-c', `${key}=${value}`])],
    user,
    ready: (processId) => isReady(data, processId),
    // Immediate shutdown; a SIGKILL would leave a shared memory segment behind.
    stopSignal: 'SIGQUIT',
  });
}

async function initialise(initdb: string, data: string, user: string | undefined): Promise<void> {
  const args = ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync'];
  const become = user === undefined ? [] : ['setpriv', '--reuid', user, '--regid', user, '--init-groups', '--'];
  const [command = initdb, ...rest] = [...become, initdb, ...args];
  await runCommand(command, rest);
}

// As pg_ctl does: the first line of the pid file must be this process (a killed one leaves its file), the last says how far it is.
function isReady(data: string, processId: number): boolean {
  const lines = readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n');
  return Number(lines[0]) === processId && lines[7]?.trim() === 'ready';
}
