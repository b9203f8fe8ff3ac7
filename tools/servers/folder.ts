/**
 * The temporary folder of one server, named after the process that made it, so that what a killed
 * test run left behind is found and removed by the next one. It starts nothing.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isAlive } from './process-tree.ts';

const prefix = 'oncekey-server-';
let swept = false;

/** Makes the folder, for `user` when given (we are root then), `within` another folder than the system's temporary one, and returns its path. */
export function makeFolder(name: string, user?: string, within = tmpdir()): string {
  if (!swept) sweepLeftovers();
  swept = true;
  const path = mkdtempSync(join(within, `${prefix}${process.pid}-${name}-`));
  if (user !== undefined) giveTo(user, path);
  return path;
}

/** Makes `user` the owner of `path` and all below. */
export function giveTo(user: string, path: string): void {
  execFileSync('chown', ['-R', `${user}:`, path]);
}

/** Removes the folder and all below; it may be gone already. */
export function removeFolder(path: string): void {
  rmSync(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
}

function sweepLeftovers(): void {
  for (const entry of readdirSync(tmpdir())) {
    const owner = /^oncekey-server-(\d+)-/.exec(entry)?.[1];
    if (owner === undefined || isAlive(Number(owner))) continue;
    const path = join(tmpdir(), entry);
    if (isMountPoint(path)) execFileSync('umount', ['-l', path]);
    removeFolder(path);
  }
}

// Another device than the folder above it: a small disk of a run that was killed.
function isMountPoint(path: string): boolean {
  return statSync(path).dev !== statSync(tmpdir()).dev;
}
