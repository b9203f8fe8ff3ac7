/**
 * A `mysqld`, MySQL's or MariaDB's, over a data folder that is there: on a free port of 127.0.0.1, with the database
 * `oncekey` and `root` without password. What a data folder is made with is each one's own.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { giveTo } from './folder.ts';
import { freePort } from './free-port.ts';
import { greetingOf } from './greeting.ts';
import { type Server, startServer } from './server.ts';

/** What is started, and where. */
export interface MysqldParts {
  readonly name: string;
  readonly command: string;
  /** For its socket, its temporary files and its first statements. */
  readonly folder: string;
  /** The data folder. */
  readonly data: string;
  readonly user: string | undefined;
  /** `innodb_flush_log_at_trx_commit`. */
  readonly flushLogAtCommit: 0 | 1 | 2;
  /** More of my.cnf; wins. */
  readonly settings: Readonly<Record<string, string>>;
}

const firstStatements = `
CREATE DATABASE IF NOT EXISTS oncekey CHARACTER SET utf8mb4;
CREATE USER IF NOT EXISTS 'root'@'127.0.0.1' IDENTIFIED BY '';
GRANT ALL PRIVILEGES ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION;
`;

/** Starts it; `url` names `root` and the database `oncekey`. */
export async function startMysqld(parts: MysqldParts): Promise<Server> {
  const { name, command, folder, data, user, flushLogAtCommit, settings } = parts;
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
    'max-connections': '300',
    ...settings,
  };
  return startServer({
    name,
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
