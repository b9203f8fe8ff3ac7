/**
 * A file read and replaced whole. It is replaced by a rename, with the new bytes and then
 * the folder written through to the disk: whoever dies at any moment leaves the old file or
 * the new one, never a piece of either.
 */
import { mkdir, open, readFile, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileError, unusable } from './failure.ts';

/** The file's text; undefined when there is none. Throws `store_unusable` for bytes that are not UTF-8. */
export async function readWhole(path: string): Promise<string | undefined> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw fileError(error, `cannot read ${path}`);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw unusable(`${path} is not UTF-8, so it was damaged or is something else; restore it from a backup`, cause);
  }
}

/** Replaces the file and returns once that survives a loss of power. The file keeps its mode; a new one is its owner's alone. */
export async function replaceWhole(path: string, text: string): Promise<void> {
  const next = `${path}.tmp`;
  try {
    const file = await open(next, 'w', await modeOf(path));
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(next, path);
    await syncFolder(dirname(path));
  } catch (error) {
    throw fileError(error, `cannot write ${path}`);
  }
}

/** Makes the folder of a path. */
export async function makeFolderOf(path: string): Promise<void> {
  try {
    await makeFolder(dirname(path));
  } catch (error) {
    throw fileError(error, `cannot make the folder of ${path}`);
  }
}

// One level at a time: the recursive form never returns where a folder exists but takes no new ones, as in /proc.
async function makeFolder(folder: string): Promise<void> {
  const parent = dirname(folder);
  if (parent === folder || (await exists(folder))) return;
  await makeFolder(parent);
  try {
    await mkdir(folder);
  } catch (error) {
    // Another process may have been first.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

async function modeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).mode & 0o777;
  } catch {
    // There is none yet; whatever else is wrong shows when it is written.
    return 0o600;
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
