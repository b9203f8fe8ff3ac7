/** Waiting for a condition with a deadline: the only way in which servers and their tests wait. It never sleeps for luck. */
import { scheduler } from 'node:timers/promises';

/**
 * Resolves when `holds` answers true, asking every `everyMs` (default 20); rejects with
 * `what` when `deadlineMs` (default 30,000) has passed. An error of `holds` counts as "not yet" and becomes the cause.
 */
export async function waitUntil(
  what: string,
  holds: () => boolean | Promise<boolean>,
  { deadlineMs = 30_000, everyMs = 20 }: { readonly deadlineMs?: number; readonly everyMs?: number } = {},
): Promise<void> {
  const endMs = performance.now() + deadlineMs;
  let cause: unknown;
  for (;;) {
    try {
      if (await holds()) return;
    } catch (error) {
      cause = error;
    }
    if (performance.now() > endMs) throw new Error(`${what}: not within ${deadlineMs} ms`, { cause });
    await scheduler.wait(everyMs);
  }
}
