/** A test that cannot run here says so in the log, too, where a green run would hide it. */
import type { TestContext } from 'vitest';

/** Skips the running test. */
export function skipLoudly({ skip }: Pick<TestContext, 'skip'>, reason: string): never {
  process.stderr.write(`skipped: ${reason}\n`);
  return skip(reason);
}
