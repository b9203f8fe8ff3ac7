/** A file system of a few megabytes of its own, in memory, that can be filled to the last byte and emptied again. Root alone may mount one. */
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder, removeFolder } from './folder.ts';

/** A mounted one. */
export interface SmallDisk {
  readonly path: string;
  /** Takes whatever is free. */
  fill(): void;
  /** Gives back what {@link fill} took. */
  free(): void;
  /** Unmounts it; what had files open there may go on for a while. */
  remove(): void;
}

/** Mounts one. Throws what `mount` said where that is not permitted. */
export function mountSmallDisk(megabytes: number): SmallDisk {
  const path = makeFolder('disk');
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', path], { stdio: 'pipe' });
  } catch (error) {
    removeFolder(path);
    throw error;
  }
  const ballast = join(path, 'ballast');
  return {
    path,
    fill: () => fillFile(ballast),
    free: () => rmSync(ballast, { force: true }),
    remove() {
      execFileSync('umount', ['-l', path]);
      removeFolder(path);
    },
  };
}

function fillFile(path: string): void {
  const file = openSync(path, 'a');
  try {
    for (const size of [1 << 20, 1 << 12, 1]) while (wrote(file, Buffer.alloc(size)));
  } finally {
    closeSync(file);
  }
}

function wrote(file: number, bytes: Buffer): boolean {
  try {
    return writeSync(file, bytes) > 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return false;
    throw error;
  }
}
