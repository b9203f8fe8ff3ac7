/**
 * The tape of `mode: 'observe'`: records what enforcing would have stored, holds nothing
 * back and never changes the answer. What becomes of the record is heard in events.
 */
import { isPromise, type MaybePromise } from '../core/maybe.ts';
import type { HeaderLine } from '../core/outcome.ts';
import type { Send, Tape } from './seam.ts';

/** Plays onto `tape` and lets everything through. */
export class ObservedTape implements Tape {
  readonly #tape: Tape;
  readonly #waitUntil: ((work: Promise<unknown>) => void) | undefined;

  constructor(tape: Tape, waitUntil: ((work: Promise<unknown>) => void) | undefined) {
    this.#tape = tape;
    this.#waitUntil = waitUntil;
  }

  head(status: number, headers: readonly HeaderLine[]): void {
    this.#tape.head(status, headers);
  }

  chunk(bytes: Uint8Array, given?: boolean): void {
    this.#tape.chunk(bytes, given);
  }

  end(sent: boolean): Send {
    return this.#behind(this.#tape.end(sent));
  }

  fail(error: unknown, sent: boolean): Send {
    return this.#behind(this.#tape.fail(error, sent));
  }

  cut(): MaybePromise<void> {
    return this.#tape.cut();
  }

  #behind(work: MaybePromise<unknown>): Send {
    // The engine answers failures as values, so that nothing can be lost with this promise.
    if (isPromise(work)) this.#waitUntil?.(work);
    return 'send';
  }
}
