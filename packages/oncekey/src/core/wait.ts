/**
 * Bounded waiting for somebody else's outcome: asks again at growing pauses, sooner when
 * the store tells of a change, and ends in exactly one decision (I17). Each asking is a
 * whole claim, so that a waiter whose owner dies takes over instead of waiting for nobody.
 */
import type { Clock } from './clock.ts';
import type { Decision, Intent } from './engine.ts';
import type { MaybePromise } from './maybe.ts';
import type { Store } from './store.ts';

const firstPauseMs = 10;
const longestPauseMs = 250;

/** Asks until the decision is another than in-progress, or until `waitMs` have passed: then the last one stands. */
export async function waitForOutcome(
  store: Store,
  clock: Clock,
  { id, policy: { waitMs } }: Intent,
  ask: () => MaybePromise<Decision>,
): Promise<Decision> {
  const untilMs = clock.monotonicMs() + waitMs;
  let wake: (() => void) | undefined;
  const unwatch = store.watch?.(id, () => wake?.());
  try {
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 1.6, longestPauseMs)) {
      const decision = await ask();
      const leftMs = untilMs - clock.monotonicMs();
      if (decision.kind !== 'in-progress' || leftMs <= 0) return decision;
      await new Promise<void>((resolve) => {
        const cancel = clock.after(Math.min(pauseMs, leftMs), resolve);
        wake = () => {
          cancel();
          resolve();
        };
      });
    }
  } finally {
    unwatch?.();
  }
}
