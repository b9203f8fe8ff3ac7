/**
 * A private MySQL, for machines that have one: Debian's stable releases have MariaDB alone, so nothing is installed here.
 * `ONCEKEY_MYSQLD` names its `mysqld`; else the one on the PATH is taken if it is MySQL's. Like the private MariaDB it has
 * its own data folder, port, database `oncekey` and `root` without password, on 127.0.0.1.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { makeFolder } from './folder.ts';
import { startMysqld } from './mysqld.ts';
import { findProgram } from './program.ts';
import { runCommand } from './run-command.ts';
import type { Server } from './server.ts';
import { fillFromTemplate } from './template.ts';
import { userFor } from './user.ts';

/** MySQL's own server on this machine; undefined where there is none. */
export function findMysqld(): string | undefined {
  const named = process.env['ONCEKEY_MYSQLD'] ?? '';
  const command = named === '' ? findProgram({ command: 'mysqld', package: '' }) : named;
  if (command === undefined) return undefined;
  const version = execFileSync(command, ['--no-defaults', '--version'], { encoding: 'utf8' });
  return /mariadb/i.test(version) ? undefined : command;
}

/** Starts MySQL; `url` names `root` and the database `oncekey`. It syncs no commit. */
export async function startMysql(): Promise<Server> {
  const command = findMysqld();
  if (command === undefined) throw new Error('there is no MySQL on this machine; name its mysqld in ONCEKEY_MYSQLD');
  const user = userFor('mysql');
  const folder = makeFolder('mysql', user);
  const data = join(folder, 'data');
  const version = /\d+\.\d+\.\d+/.exec(await runCommand(command, ['--no-defaults', '--version']))?.[0] ?? 'unknown';
  await fillFromTemplate(`mysql-${version}`, data, () => initialise(command, data, user));
  const settings = { mysqlx: 'OFF', 'secure-file-priv': 'NULL' };
  return startMysqld({ name: 'mysql', command, folder, data, user, flushLogAtCommit: 0, settings });
}

async function initialise(mysqld: string, data: string, user: string | undefined): Promise<void> {
  const own = ['--no-defaults', '--initialize-insecure', `--datadir=${data}`];
  if (user === undefined) await runCommand(mysqld, own);
  else await runCommand('setpriv', ['--reuid', user, '--regid', user, '--init-groups', '--', mysqld, ...own]);
}
