/** A private MariaDB: its own data folder, port, database `oncekey` and `root` without password, on 127.0.0.1. */
import { join } from 'node:path';
import { makeFolder } from './folder.ts';
import { startMysqld } from './mysqld.ts';
import { ensureProgram, programs } from './program.ts';
import { runCommand } from './run-command.ts';
import type { Server } from './server.ts';
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
  return startMysqld({
    name: 'mariadb',
    command,
    folder,
    data,
    user,
    flushLogAtCommit,
    settings: { 'innodb-buffer-pool-size': '64M', ...settings },
  });
}

async function initialise(data: string, user: string | undefined): Promise<void> {
  const who = user === undefined ? [] : [`--user=${user}`];
  const how = ['--no-defaults', '--auth-root-authentication-method=normal', '--skip-test-db', '--skip-name-resolve'];
  await runCommand('mariadb-install-db', [...how, `--datadir=${data}`, ...who]);
}
