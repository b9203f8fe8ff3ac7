/** The reference in docs/ is what the sources say now: made anew, it is the same. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { referenceFolder, writeReference } from './write-reference.js';

async function pagesOf(folder: string): Promise<Record<string, string>> {
  const names = (await readdir(folder)).toSorted();
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), 'utf8')] as const)),
  );
}

test('the reference is up to date; if not, run npm run reference', { timeout: 300_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'oncekey-reference-'));
  try {
    await writeReference(folder);
    const [made, committed] = await Promise.all([pagesOf(folder), pagesOf(referenceFolder)]);
    expect(Object.keys(committed)).toEqual(Object.keys(made));
    expect(committed).toEqual(made);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
