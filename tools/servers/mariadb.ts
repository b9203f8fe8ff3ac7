/** A private MariaDB: its own data folder, port, database `oncekey` and `root` without password, on 127.0.0.1. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { giveTo, makeFolder } from './folder.ts';
import { freePort } from './free-port.ts';
import { greetingOf } from './greeting.ts';
import { ensureProgram, programs } from './program.ts';
import { runCommand } from './run-command.ts';
import { type Server, startServer } from './server.ts';
import { fillFromTemplate } from './template.ts';
import { userFor } from './user.ts';

/** How the server is set up. */
export interface MariadbOptions {
  /** `innodb_flush_log_at_trx_commit`: 1 (default) syncs each commit; 0 and 2 may lose the last second. */
  readonly flushLogAtCommit?: 0 | 1 | 2;
  /** More of my.cnf, such as `{ 'innodb-lock-wait-timeout': '1' }`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** The folder in which its own is made; default the system's temporary one. */
  readonly within?: string | undefined;
}

const firstStatements = `
CREATE DATABASE IF NOT EXISTS oncekey CHARACTER SET utf8mb4;
CREATE USER IF NOT EXISTS 'root'@'127.0.0.1' IDENTIFIED BY '';
GRANT ALL PRIVILEGES ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION;
`;

/** Starts MariaDB; `url` names `root` and the database `oncekey`. */
export async function startMariadb({
  flushLogAtCommit = 1,
  settings = {},
  within,
}: MariadbOptions = {}): Promise<Server> {
  const command = await ensureProgram(programs.mariadb);
  const user = userFor('mysql');
  const folder = makeFolder('mariadb', user, within);
  const data = join(folder, 'data');
  const version = /\d+\.\d+\.\d+/.exec(await runCommand(command, ['--version']))?.[0] ?? 'unknown';
  await fillFromTemplate(`mariadb-${version}`, data, () => initialise(data, user));
  const first = join(folder, 'first.sql');
  writeFileSync(first, firstStatements);
  if (user !== undefined) giveTo(user, first);
  const port = await freePort();
  const all: Record<string, string> = {
    datadir: data,
    port: String(port),
    'bind-address': '127.0.0.1',
    socket: join(folder, 'socket'),
    'pid-file': join(folder, 'pid'),
    // A server that starts removes what others keep in a shared one.
    tmpdir: folder,
    'init-file': first,
    'innodb-flush-log-at-trx-commit': String(flushLogAtCommit),
    'innodb-buffer-pool-size': '64M',
    'max-connections': '300',
    ...settings,
  };
  return startServer({
    name: 'mariadb',
    url: `mysql://root@127.0.0.1:${port}/oncekey`,
    port,
    folder,
    command,
    args: ['--no-defaults', '--skip-name-resolve', ...Object.entries(all).map(([key, value]) => `--${key}=${value}`)],
    user,
    // The handshake packet: a length of three bytes, number 0, protocol version 10.
    ready: async () => (await greetingOf(port))[4] === 10,
  });
}

async function initialise(data: string, user: string | undefined): Promise<void> {
  const who = user === undefined ? [] : [`--user=${user}`];
  const how = ['--no-defaults', '--auth-root-authentication-method=normal', '--skip-test-db', '--skip-name-resolve'];
  await runCommand('mariadb-install-db', [...how, `--datadir=${data}`, ...who]);
}
