/** A small disk for one test, which is left out where none can be mounted. */
import type { TestContext } from 'vitest';
import { mountSmallDisk, type SmallDisk } from '../../../../tools/servers/small-disk.ts';
import { skipLoudly } from './skip-loudly.ts';

/** Mounts one; it goes when the test is over. */
export function smallDiskFor(context: TestContext, megabytes: number): SmallDisk {
  const disk = mounted(context, megabytes);
  context.onTestFinished(() => disk.remove());
  return disk;
}

function mounted(context: TestContext, megabytes: number): SmallDisk {
  try {
    return mountSmallDisk(megabytes);
  } catch (error) {
    return skipLoudly(context, `a small file system cannot be mounted: ${String(error)}`);
  }
}
