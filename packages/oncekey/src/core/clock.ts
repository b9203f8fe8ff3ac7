/**
 * The only place where this library reads a clock or sets a timer, so that a test
 * can hold time still. Ownership is judged by the store's clock, never by this one
 * (RELIABILITY: durations cross the store seam, instants do not).
 */

/** Time and timers, injected everywhere they are needed. */
export interface Clock {
  /** Milliseconds since the Unix epoch; only for facts shown to people and for in-process stores. */
  nowMs(): number;
  /** Milliseconds from an arbitrary start, never going back; for measuring durations. */
  monotonicMs(): number;
  /** Calls `fire` once after `delayMs`; the returned function cancels it. Never keeps the process alive. */
  after(delayMs: number, fire: () => void): () => void;
}

/** The machine's own clock; its timers do not keep the process alive. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, fire) {
    const timer: unknown = setTimeout(fire, Math.min(delayMs, 0x7fffffff));
    // Node and Bun answer an object, browsers and workerd a number.
    if (typeof timer === 'object' && timer !== null) (timer as { unref?(): void }).unref?.();
    return () => clearTimeout(timer as ReturnType<typeof setTimeout>);
  },
};
