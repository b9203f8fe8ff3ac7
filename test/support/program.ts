/**
 * Programs of examples: started with their environment, heard until they say that they are
 * ready, and killed with the test. Their folder is a temporary one.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { root } from './scratch.ts';

/** A program that is ready. */
export interface Program {
  /** The first line it said, which is JSON. */
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

/** Starts `examples/PATH` in `folder` and waits for its first line. Rejects when it ends instead. */
export async function startExample(
  path: string,
  environment: Record<string, string>,
  folder: string,
): Promise<Program> {
  const child = spawn(process.execPath, [join(root, 'examples', path)], {
    cwd: folder,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  running.add(child);
  const line = once(createInterface(child.stdout), 'line') as Promise<[string]>;
  const failed = ended(child).then(() => Promise.reject(new Error(`${path} ended before it was ready`)));
  const [said] = await Promise.race([line, failed]);
  failed.catch(() => undefined);
  return {
    said: JSON.parse(said) as Record<string, string>,
    async kill() {
      child.kill('SIGKILL');
      await ended(child);
      running.delete(child);
    },
  };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}
