/**
 * A call of a store method, from the moment it is made until its caller is told. Knows
 * nothing of when that happens. A class rather than closures: thousands of them are made
 * and dropped in a second.
 */
import { systemClock } from '../../core/clock.ts';
import type { RecordId } from '../../core/store.ts';
import type { Connection } from './connection.ts';
import type { Phase } from './failure.ts';

/** One call of a store method. */
export interface Call<T> {
  readonly phase: Phase;
  /** The record it is about, if one: calls about the same one keep their order. */
  readonly id?: RecordId;
  /** About how many bytes it writes, beyond a few hundred; default 0. */
  readonly bytes?: number;
  /** Answers by reading, where that is possible. */
  readonly look?: (connection: Connection, nowMs: number) => { readonly answer: T } | undefined;
  readonly write: (connection: Connection, nowMs: number) => T;
  /** Whether reading would have given this answer, too. */
  readonly wasReadable?: (answer: T) => boolean;
}

/** A call with its caller. */
export class Waiting<T = unknown> {
  readonly call: Call<T>;
  /** By the machine's monotonic clock. */
  readonly sinceMs: number = systemClock.monotonicMs();
  /** Tells the caller that the call has failed. */
  readonly reject: (error: unknown) => void;
  readonly #resolve: (answer: T) => void;
  #written: { readonly answer: T } | { readonly error: unknown } | undefined;

  constructor(call: Call<T>, resolve: (answer: T) => void, reject: (error: unknown) => void) {
    this.call = call;
    this.#resolve = resolve;
    this.reject = reject;
  }

  /** Answers by reading and tells the caller; false when that is not possible. */
  look(connection: Connection, nowMs: number): boolean {
    const looked = this.call.look?.(connection, nowMs);
    if (looked !== undefined) this.#resolve(looked.answer);
    return looked !== undefined;
  }

  /** Writes, and keeps the answer until {@link tell}. */
  write(connection: Connection, nowMs: number): void {
    this.#written = { answer: this.call.write(connection, nowMs) };
  }

  /** Whether looking before writing would have spared the writing; undefined for a call that cannot look. */
  get wasReadable(): boolean | undefined {
    const written = this.#written;
    return written !== undefined && 'answer' in written ? this.call.wasReadable?.(written.answer) : undefined;
  }

  /** Keeps the error of this call alone until {@link tell}. */
  failAlone(error: unknown): void {
    this.#written = { error };
  }

  /** Tells the caller what was kept, once it is committed (I5). */
  tell(): void {
    if (this.#written === undefined) return;
    if ('error' in this.#written) this.reject(this.#written.error);
    else this.#resolve(this.#written.answer);
  }
}
