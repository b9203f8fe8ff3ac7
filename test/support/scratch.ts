/**
 * A temporary folder outside the tree, and programs run in it. What a test leaves there
 * is gone when its file has ended; nothing is ever written into the repository.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect } from 'vitest';

/** The repository's root folder. */
export const root: string = fileURLToPath(new URL('../../', import.meta.url));

/** How a program ended and what it said, both streams in one. */
export interface Ended {
  readonly code: number;
  readonly text: string;
}

/** What a run that went well equals; the comparison shows the text of one that did not. */
export const succeeded: Ended = { code: 0, text: expect.any(String) as string };

/** A new folder for one test file, removed after it. Call it outside of tests. */
export function scratch(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'oncekey-')));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Runs a program to its end; a code other than 0 is an answer, not an error. `env` is added to ours. */
export function run(
  program: string,
  args: readonly string[],
  folder: string,
  env: NodeJS.ProcessEnv = {},
): Promise<Ended> {
  return new Promise((resolve) => {
    const options = { cwd: folder, maxBuffer: 64 * 1024 * 1024, env: { ...process.env, ...env } };
    execFile(program, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      resolve({ code, text: `${stdout}${stderr}` });
    });
  });
}

/** Path of a program that the repository's tools bring along. */
export function tool(name: string): string {
  return join(root, 'node_modules', '.bin', name);
}
