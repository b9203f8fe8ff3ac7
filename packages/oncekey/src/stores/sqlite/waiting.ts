/**
 * A call of a store method, from the moment it is made until its caller is told. Knows
 * nothing of when that happens.
 */
import { systemClock } from '../../core/clock.ts';
import type { RecordId } from '../../core/store.ts';
import type { Connection } from './connection.ts';
import type { Phase } from './failure.ts';

/** One call of a store method. */
export interface Call<T> {
  readonly phase: Phase;
  /** The records it is about: calls that share one keep their order. */
  readonly ids: readonly RecordId[];
  /** About how many bytes it writes, beyond a few hundred; default 0. */
  readonly bytes?: number;
  /** Answers by reading, where that is possible. */
  readonly look?: (connection: Connection, nowMs: number) => { readonly answer: T } | undefined;
  readonly write: (connection: Connection, nowMs: number) => T;
}

/** A call with its caller. */
export interface Waiting {
  readonly phase: Phase;
  readonly ids: readonly RecordId[];
  readonly bytes: number;
  /** By the machine's monotonic clock. */
  readonly sinceMs: number;
  /** Answers by reading and tells the caller; false when that is not possible. */
  look(connection: Connection, nowMs: number): boolean;
  /** Writes, and gives back what tells the caller. */
  write(connection: Connection, nowMs: number): () => void;
  reject(error: unknown): void;
}

/** Joins a call with those who settle its promise. */
export function waiting<T>(call: Call<T>, resolve: (answer: T) => void, reject: (error: unknown) => void): Waiting {
  return {
    phase: call.phase,
    ids: call.ids,
    bytes: call.bytes ?? 0,
    sinceMs: systemClock.monotonicMs(),
    look(connection, nowMs) {
      const looked = call.look?.(connection, nowMs);
      if (looked !== undefined) resolve(looked.answer);
      return looked !== undefined;
    },
    write(connection, nowMs) {
      const answer = call.write(connection, nowMs);
      return () => resolve(answer);
    },
    reject,
  };
}
