/**
 * Time that stands still until it is told to move, so that a test of leases, waiting and
 * retention takes no time and always ends the same. Timers fire in the order in which they
 * are due; between two of them everything that was waiting for a promise runs.
 */
import { scheduler } from 'node:timers/promises';
import type { Clock } from '../core/clock.ts';

/** A {@link Clock} in the hands of a test. */
export interface VirtualClock extends Clock {
  /** Lets `ms` milliseconds pass; settles when every timer due by then has fired and what followed has run. */
  advance(ms: number): Promise<void>;
  /** How many timers wait. */
  pending(): number;
}

interface Timer {
  readonly atMs: number;
  readonly fire: () => void;
}

/** A clock that starts at `startMs` Unix milliseconds (default 14 November 2023, 22:13:20 UTC) and moves only by `advance`. */
export function virtualClock(startMs: number = 1_700_000_000_000): VirtualClock {
  let elapsedMs = 0;
  const timers = new Set<Timer>();

  async function advance(ms: number): Promise<void> {
    if (!(ms >= 0)) throw new RangeError(`virtualClock: advance takes milliseconds from 0, not ${ms}`);
    const untilMs = elapsedMs + ms;
    // A turn of the event loop: by then every chain of promises that could go on has gone on.
    await scheduler.yield();
    for (let timer = nextDue(timers, untilMs); timer !== undefined; timer = nextDue(timers, untilMs)) {
      timers.delete(timer);
      elapsedMs = Math.max(elapsedMs, timer.atMs);
      timer.fire();
      await scheduler.yield();
    }
    elapsedMs = Math.max(elapsedMs, untilMs);
  }

  return {
    nowMs: () => startMs + elapsedMs,
    monotonicMs: () => elapsedMs,
    after(delayMs, fire) {
      const timer = { atMs: elapsedMs + Math.max(0, delayMs), fire };
      timers.add(timer);
      return () => {
        timers.delete(timer);
      };
    },
    advance,
    pending: () => timers.size,
  };
}

/** The timer that is due first, of equals the one set first. */
function nextDue(timers: ReadonlySet<Timer>, untilMs: number): Timer | undefined {
  let next: Timer | undefined;
  for (const timer of timers) {
    if (timer.atMs <= untilMs && (next === undefined || timer.atMs < next.atMs)) next = timer;
  }
  return next;
}
