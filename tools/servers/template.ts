/**
 * Initialised data folders, made once a machine and copied for each server: initdb takes
 * seconds, a copy a fraction of one. Servers that start at once may make the same template; the
 * first rename wins and the others' work is thrown away, so nobody copies a half-made one.
 */
import { randomUUID } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeFolder } from './folder.ts';
import { runCommand } from './run-command.ts';

/** Fills `target` from the template `name`; where there is none, `initialise` fills it and a copy becomes the template. */
export async function fillFromTemplate(name: string, target: string, initialise: () => Promise<void>): Promise<void> {
  const template = join(templatesFolder(), name);
  if (existsSync(template)) {
    await copy(template, target);
    return;
  }
  await initialise();
  const draft = `${template}.${randomUUID()}.draft`;
  await copy(target, draft);
  try {
    renameSync(draft, template);
  } catch (error) {
    removeFolder(draft);
    if (!existsSync(template)) throw error;
  }
}

function templatesFolder(): string {
  const userId = process.getuid?.() ?? 0;
  const folder = join(tmpdir(), `oncekey-templates-${userId}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { uid, mode } = lstatSync(folder);
  // In a folder that others may write to, anyone could have left it there.
  if (uid !== userId || (mode & 0o077) !== 0) throw new Error(`${folder} is not this user's alone; remove it`);
  return folder;
}

async function copy(from: string, to: string): Promise<void> {
  await runCommand('cp', ['-a', '--reflink=auto', from, to]);
}
