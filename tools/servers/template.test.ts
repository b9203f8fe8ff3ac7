/** The templates of servers' data folders: whole, whoever makes them at once. */
import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { removeFolder } from './folder.ts';
import { fillFromTemplate } from './template.ts';

test('servers that start at once, in one process too, share one whole template', async ({ onTestFinished }) => {
  const folder = mkdtempSync(join(tmpdir(), 'oncekey-template-test-'));
  onTestFinished(() => removeFolder(folder));
  vi.stubEnv('TMPDIR', folder);
  onTestFinished(() => void vi.unstubAllEnvs());
  const files = ['base', 'global', 'settings'];
  const fill = async (name: string): Promise<readonly string[]> => {
    const target = join(folder, name);
    await fillFromTemplate('kind', target, () => {
      mkdirSync(target);
      for (const file of files) writeFileSync(join(target, file), file);
      return Promise.resolve();
    });
    return readdirSync(target).toSorted();
  };

  expect(await Promise.all(['first', 'second', 'third'].map(fill))).toEqual([files, files, files]);
  expect(await fill('later')).toEqual(files);
});
