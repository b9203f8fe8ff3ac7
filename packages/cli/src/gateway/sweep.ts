/**
 * Removes expired records every minute, in batches with a pause between them, so that
 * sweeping never stands in a request's way. Keeps I13 by leaving the choice to the store.
 */
import type { Store } from 'oncekey';
import type { Logger } from 'pino';

const everyMs = 60_000;
const pauseMs = 50;
const batch = 1000;

/** Starts it; the answer stops it. A store without `sweep` is left alone. */
export function startSweeping(store: Store, log: Logger): () => void {
  let stopped = false;
  let timer: NodeJS.Timeout | null = null;
  const later = (delayMs: number): void => {
    if (stopped) return;
    timer = setTimeout(() => {
      sweepOnce(store, log).then(later, () => undefined);
    }, delayMs).unref();
  };
  if (store.sweep !== undefined) later(everyMs);
  return () => {
    stopped = true;
    if (timer !== null) clearTimeout(timer);
  };
}

// Tells how long to wait until the next batch.
async function sweepOnce(store: Store, log: Logger): Promise<number> {
  try {
    const answer = await store.sweep?.(batch);
    if (answer !== undefined && answer.removed > 0) log.debug({ event: 'swept', removed: answer.removed }, 'swept');
    return answer?.more === true ? pauseMs : everyMs;
  } catch (error) {
    log.warn({ event: 'sweep-failed', err: error }, 'sweeping failed; it is tried again');
    return everyMs;
  }
}
