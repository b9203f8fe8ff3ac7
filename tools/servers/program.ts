/**
 * Finds a server's binary on this machine, and installs Debian's package when it is missing and
 * we are root: one process at a time, and without letting the package start a server of its own.
 * What it cannot get it names in the error, with what to do.
 */
import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { runCommand } from './run-command.ts';

/** A program and where it comes from. */
export interface Program {
  readonly command: string;
  /** Debian's package. */
  readonly package: string;
  /** Folders to look in before the PATH; `*` stands for a version, the highest of which is taken. */
  readonly folders?: readonly string[];
}

/** The servers that tests may start. */
export const programs = {
  postgres: { command: 'postgres', package: 'postgresql', folders: ['/usr/lib/postgresql/*/bin'] },
  pgbouncer: { command: 'pgbouncer', package: 'pgbouncer' },
  mariadb: { command: 'mariadbd', package: 'mariadb-server' },
  redis: { command: 'redis-server', package: 'redis-server' },
  rabbitmq: { command: 'rabbitmq-server', package: 'rabbitmq-server', folders: ['/usr/lib/rabbitmq/bin'] },
  nats: { command: 'nats-server', package: 'nats-server' },
} as const satisfies Record<string, Program>;

/** The binary's path, or undefined when this machine does not have it. */
export function findProgram({ command, folders = [] }: Program): string | undefined {
  const onPath = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const candidates = [...folders.flatMap(versionsOf), ...onPath, '/usr/sbin', '/usr/local/sbin'];
  return candidates.map((folder) => join(folder, command)).find((path) => existsSync(path));
}

/** Why `program` cannot be used here, or undefined when it is there or can be installed. */
export function missing(program: Program): string | undefined {
  if (findProgram(program) !== undefined || canInstall()) return undefined;
  return `${program.command} is not on this machine; install Debian's package ${program.package}, or run as root to have it installed`;
}

/** The binary's path; installs the package first when need be. Rejects when that is not possible. */
export async function ensureProgram(program: Program): Promise<string> {
  const found = findProgram(program);
  if (found !== undefined) return found;
  const reason = missing(program);
  if (reason !== undefined) throw new Error(reason);
  await install(program.package);
  const installed = findProgram(program);
  if (installed === undefined) throw new Error(`the package ${program.package} brought no ${program.command}`);
  return installed;
}

function versionsOf(folder: string): string[] {
  const [before = '', after] = folder.split('/*/');
  if (after === undefined) return [folder];
  if (!existsSync(before)) return [];
  const versions = readdirSync(before).toSorted((one, other) => Number.parseFloat(other) - Number.parseFloat(one));
  return versions.map((version) => join(before, version, after));
}

function canInstall(): boolean {
  return process.getuid?.() === 0 && existsSync('/usr/bin/apt-get') && existsSync('/usr/bin/flock');
}

// A policy of 101 tells Debian's packages to start no service: a test must not occupy a standard port.
const installing = `
set -e
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\\nexit 101\\n' > "$policy"; chmod +x "$policy"; trap 'rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
dpkg -s "$1" >/dev/null 2>&1 && exit 0
apt-get -q update
apt-get -q install -y --no-install-recommends -o DPkg::Lock::Timeout=300 "$1"
`;

async function install(name: string): Promise<void> {
  const lock = join(tmpdir(), 'oncekey-apt.lock');
  await runCommand('flock', [lock, 'sh', '-c', installing, 'sh', name], { deadlineMs: 600_000 });
}
