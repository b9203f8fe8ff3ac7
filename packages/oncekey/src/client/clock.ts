/**
 * The client's time, timers and random numbers, in one place, so that a test can hold
 * them still. The client stands alone (it imports nothing of the engine), so it has a clock
 * of its own; unlike the engine's, its timers may keep a process alive: somebody waits.
 */

/** Time and timers of the client; inject one to hold time still. */
export interface ClientClock {
  /** Milliseconds since the Unix epoch: facts that outlive the process, such as when an entry was first sent. */
  nowMs(): number;
  /** Milliseconds from an arbitrary start, never going back: durations within the process. */
  monotonicMs(): number;
  /** Calls `fire` once after `delayMs`; the returned function cancels it. `background`: a Node process may end before. */
  after(delayMs: number, fire: () => void, background?: boolean): () => void;
}

/** The machine's own clock. */
export const systemClock: ClientClock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, fire, background = false) {
    const timer: unknown = setTimeout(fire, Math.min(delayMs, 0x7fffffff));
    // Node answers an object that can be let go of, browsers and workers a number.
    if (background && typeof timer === 'object' && timer !== null) (timer as { unref?(): void }).unref?.();
    return () => clearTimeout(timer as ReturnType<typeof setTimeout>);
  },
};

/** Waits `delayMs`; rejects with the signal's reason as soon as it aborts. */
export function pause(clock: ClientClock, delayMs: number, signal: AbortSignal | null | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(signal.reason as Error);
    const aborted = (): void => {
      cancel();
      reject(signal?.reason as Error);
    };
    const cancel = clock.after(delayMs, () => {
      signal?.removeEventListener('abort', aborted);
      resolve();
    });
    signal?.addEventListener('abort', aborted, { once: true });
  });
}

/** A random number from 0 up to, but without, 1. */
export function random(): number {
  const [word = 0] = crypto.getRandomValues(new Uint32Array(1));
  return word / 2 ** 32;
}
