/**
 * Programs of examples: started with their environment, heard until they say that they are
 * ready, and killed with the test. Their folder is a temporary one.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { afterEach } from 'vitest';
import { outside } from '../../tools/outside/outside.js';
import { root } from './scratch.ts';

/** A program that is ready. */
export interface Program {
  /** The first line of JSON that it said. */
  readonly said: Readonly<Record<string, string>>;
  /** Kills it without warning; settles when it is gone. */
  kill(): Promise<void>;
}

const running = new Set<ChildProcess>();
afterEach(async () => {
  for (const child of running) {
    child.kill('SIGKILL');
    await ended(child);
  }
  running.clear();
});

/**
 * A copy of `examples/NAME` in `folder`, beside the packages of a group that is installed outside the root lock file and
 * the library as it is built. Gives the copy's path.
 */
export async function stageExample(name: string, group: string, folder: string): Promise<string> {
  const installed = join((await outside(group)).folder, 'node_modules');
  const packages = join(folder, 'node_modules');
  mkdirSync(packages);
  for (const entry of readdirSync(installed)) {
    if (!entry.startsWith('.')) symlinkSync(join(installed, entry), join(packages, entry));
  }
  symlinkSync(join(root, 'packages', 'oncekey'), join(packages, 'oncekey'));
  const staged = join(folder, name);
  cpSync(join(root, 'examples', name), staged, { recursive: true });
  return staged;
}

/** Starts `examples/PATH` in `folder` and waits for its first line of JSON. Rejects when it ends instead. */
export function startExample(path: string, environment: Record<string, string>, folder: string): Promise<Program> {
  return startProgram(join(root, 'examples', path), environment, folder);
}

/** Starts any program in `folder` and waits for its first line of JSON. Rejects when it ends instead. */
export async function startProgram(
  path: string,
  environment: Record<string, string>,
  folder: string,
): Promise<Program> {
  const child = spawn(process.execPath, [path], {
    cwd: folder,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  running.add(child);
  const line = firstJson(child.stdout);
  const failed = ended(child).then(() => Promise.reject(new Error(`${path} ended before it was ready`)));
  const said = await Promise.race([line, failed]);
  failed.catch(() => undefined);
  return {
    said,
    async kill() {
      child.kill('SIGKILL');
      await ended(child);
      running.delete(child);
    },
  };
}

/** A framework may say something of its own before. */
function firstJson(output: Readable): Promise<Program['said']> {
  return new Promise((resolve) => {
    createInterface(output).on('line', (line) => {
      if (line.startsWith('{')) resolve(JSON.parse(line) as Program['said']);
    });
  });
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}
