/**
 * Compiles the programs under tools/ before the tests that start them as processes: workers are TypeScript,
 * which the oldest Node that we support cannot run. vitest calls it once a run.
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Compiles into tools/dist what has changed; throws with the compiler's words. */
export default function compile(): void {
  const compiler = fileURLToPath(new URL('../node_modules/.bin/tsc', import.meta.url));
  execFileSync(compiler, ['-p', fileURLToPath(new URL('.', import.meta.url))], { stdio: 'inherit' });
}
