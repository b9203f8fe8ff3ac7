/**
 * The outside world of the fault tests: a file to which each effect appends one line in one write,
 * so that what a killed process did is still counted. It belongs to no store.
 */
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A new file of effects. */
export interface Effects {
  readonly path: string;
  /** How often the work of `key` took effect. */
  of(key: string): number;
  remove(): void;
}

/** Makes one. */
export function newEffects(): Effects {
  const folder = mkdtempSync(join(tmpdir(), 'oncekey-effects-'));
  const path = join(folder, 'effects');
  writeFileSync(path, '');
  return {
    path,
    of: (key) =>
      readFileSync(path, 'utf8')
        .split('\n')
        .filter((line) => line === key).length,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** The effect itself; in any process. */
export function takeEffect(path: string, key: string): void {
  appendFileSync(path, `${key}\n`);
}
