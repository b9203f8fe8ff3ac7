/**
 * An end to waiting for a server that does not answer. All wait equally long, so one timer
 * does for everybody, and a call costs none. What is answered later is heard by nobody.
 */
import { systemClock } from '../../core/clock.ts';
import { unavailable } from './failure.ts';

interface Open {
  readonly endsAtMs: number;
  readonly fail: (error: unknown) => void;
}

/** Gives up what is not answered within the time. */
export class Deadlines {
  readonly #timeoutMs: number;
  /** In the order of their ends. */
  readonly #open = new Set<Open>();
  #isArmed = false;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  /** Hands on the answer, or why there is none; `store_unavailable` when it did not come in time. Exactly one is called. */
  within<T>(answer: Promise<T>, use: (value: T) => void, fail: (error: unknown) => void): void {
    const one: Open = { endsAtMs: systemClock.monotonicMs() + this.#timeoutMs, fail };
    this.#open.add(one);
    if (!this.#isArmed) this.#arm(this.#timeoutMs);
    answer.then(
      (value) => {
        if (this.#open.delete(one)) use(value);
      },
      (error: unknown) => {
        if (this.#open.delete(one)) fail(error);
      },
    );
  }

  /** The answer, within the time. */
  inTime<T>(answer: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => this.within(answer, resolve, reject));
  }

  /** Pages, each within the time. */
  async *pages<T>(pages: AsyncIterable<T>): AsyncGenerator<T, void> {
    const from = pages[Symbol.asyncIterator]();
    for (;;) {
      // oxlint-disable-next-line no-await-in-loop -- a page tells where the next begins
      const page = await this.inTime(from.next());
      if (page.done === true) return;
      yield page.value;
    }
  }

  #arm(afterMs: number): void {
    this.#isArmed = true;
    systemClock.after(afterMs, () => {
      this.#isArmed = false;
      this.#giveUp();
    });
  }

  #giveUp(): void {
    const nowMs = systemClock.monotonicMs();
    for (const one of this.#open) {
      // Timers may come a millisecond early.
      if (one.endsAtMs > nowMs + 1) {
        this.#arm(one.endsAtMs - nowMs);
        return;
      }
      this.#open.delete(one);
      const message = `redis: no answer within ${this.#timeoutMs} ms; check that the server is up and reachable`;
      one.fail(unavailable(message, 'other'));
    }
  }
}
