/** A process and everything it started, read from /proc: PostgreSQL is many processes, and stopping one of them stops little. */
import { readdirSync, readFileSync } from 'node:fs';

/** Ids of all descendants of `processId`, children first; empty where there is no /proc. */
export function descendantsOf(processId: number): number[] {
  const children = childrenOf(processId);
  return [...children, ...children.flatMap(descendantsOf)];
}

/** Whether the process exists and is no zombie. */
export function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
  } catch (error) {
    // Somebody else's process is alive, too.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  return !/^State:\tZ/m.test(textOf(`/proc/${processId}/status`));
}

/** Sends `signal` to those of `processIds` that still exist. */
export function signalAll(processIds: readonly number[], signal: NodeJS.Signals): void {
  for (const processId of processIds) {
    try {
      process.kill(processId, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

function childrenOf(processId: number): number[] {
  const folder = `/proc/${processId}/task`;
  return entriesOf(folder).flatMap((thread) =>
    textOf(`${folder}/${thread}/children`)
      .split(' ')
      .filter((text) => text.trim() !== '')
      .map(Number),
  );
}

// A process may end between any two looks: what is gone has no entries and no text.
function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
