/**
 * The front door for everything that is not a plain request: name an operation, hand
 * over the function, and it takes effect once. This ring turns decisions into values and
 * errors; every rule is the engine's.
 */
import type {
  CompleteAnswer,
  EraseAnswer,
  Executor,
  Fingerprint,
  ListAsk,
  ResolveAnswer,
  SweepAnswer,
  Token,
} from '../core/store.ts';
import type { Reference } from '../core/outcome.ts';
import type { Work } from '../core/work.ts';
import type { AtomicDatabase } from '../atomic/database.ts';
import type { Scope } from './names.ts';
import type { CallPolicy, OnceOptions } from './options.ts';
import type { OperationRecord, OutcomeFacts } from './record.ts';
import { Operations } from './operations.ts';

/**
 * Names one operation. Values are trimmed; blank ones, and those with U+0000 or half of a surrogate pair, are errors that
 * name the field.
 */
export interface OperationName {
  readonly scope: Scope;
  /** What is done, such as `invoice.send`; absent is a part of its own. */
  readonly operation?: string;
  /** The caller's name for one intended effect, 1 to 255 characters. */
  readonly key: string;
}

/** One operation with its input and wishes. */
export interface OperationCall extends OperationName, CallPolicy {
  /**
   * Any JSON value; a repeat with other input is `key_reused`. Absent matches all. A member of which JSON would keep
   * nothing (a Map, an object with private fields alone) is `field_invalid`: its values could not be told apart.
   */
  readonly input?: unknown;
  /** A digest of the input made by the caller, as `algorithm:digest`; instead of `input`. */
  readonly fingerprint?: Fingerprint;
  /** Who asks: a worker, a host, a user; for people. */
  readonly owner?: string;
  /** The message or event that carries this key; for people. */
  readonly eventId?: string;
}

/** What `run` gives: the value of this run, or of the first one. */
export interface RunResult<T> {
  readonly status: 'executed' | 'replayed';
  /** What JSON makes of the function's result, in the first answer as in every repeat. */
  readonly value: T;
  readonly record: OutcomeFacts;
}

/** Words about an outcome that people find it by. One that cannot be kept is `field_invalid`; the value is stored all the same. */
export interface OutcomeWords {
  /** How it went, such as `accepted`; 1 to 255 characters. */
  readonly kind?: string;
  /** Primary and secondary reference to what the work made, each of 1 to 255 characters. */
  readonly refs?: readonly Reference[];
  /** Any JSON value, up to `maxOutcomeBytes`. */
  readonly details?: unknown;
}

/** A claim's answer. */
export type Claimed =
  | {
      readonly outcome: 'granted';
      readonly attempt: number;
      readonly token: Token;
      readonly work: Work;
      /** Stores the value for good. Throws `lease_lost`, `store_unavailable`, `outcome_too_large`, `outcome_unserializable`, `field_invalid`. */
      complete(value: unknown, words?: OutcomeWords): Promise<OutcomeFacts>;
      /** Gives the claim back: a repeat may run. Throws `lease_lost`, `store_unavailable`. */
      release(): Promise<void>;
    }
  | { readonly outcome: 'completed'; readonly value: unknown; readonly record: OutcomeFacts }
  /** The first one failed or its outcome was not kept: it took, or may have taken, effect. */
  | { readonly outcome: 'failed' | 'not-kept'; readonly reason: string; readonly record: OutcomeFacts }
  | {
      readonly outcome: 'in-progress';
      readonly retryAfterMs: number;
      readonly attempt: number;
      /** What is reserved, as it stood a moment after; undefined when it was gone by then. */
      readonly record: OperationRecord | undefined;
    }
  | {
      readonly outcome: 'conflict' | 'abandoned';
      readonly attempt: number;
      readonly record: OperationRecord | undefined;
    };

/** Options of `claim`. */
export interface ClaimCall extends OperationCall {
  /** Holds the claim for this long without a heartbeat, for work that another process completes. */
  readonly expiresInMs?: number;
}

/** Completes from another process, by token. */
export interface CompleteCall extends OperationName, OutcomeWords {
  readonly token: Token;
  readonly value: unknown;
  /** Default as in `createOnce`. */
  readonly retentionMs?: number | null;
}

/** An operator's decision on an abandoned operation. */
export interface ResolveCall extends OperationName {
  /** The revision that was looked at; if the record has changed since, nothing happens. */
  readonly seenRevision: number;
  /** Run again at the next request, or take this value as the outcome. */
  readonly decision: 'rerun' | { readonly value: unknown };
  /** Who decides; kept with the record. */
  readonly by: string;
}

/** Filters of `list`; all that are given must match. */
export type ListCall = Omit<ListAsk, 'limit'> & { readonly limit?: number };

/** Operations that take effect once. */
export interface Once {
  /**
   * Runs `act` once for this key, however often it is called, and gives its result to every repeat.
   * A throw is stored as a failure unless `failures: 'release'` or `work.release()` said otherwise; the first caller
   * gets what was thrown. Throws IdempotencyError: `in_progress`, `key_reused`, `lease_lost`, `outcome_unknown`,
   * `outcome_not_kept`, `outcome_too_large`, `outcome_unserializable`, `work_failed`, `store_unavailable`, `key_invalid`,
   * `scope_missing`, `field_invalid`.
   */
  run<T>(call: OperationCall, act: (work: Work) => T | Promise<T>): Promise<RunResult<T>>;
  /**
   * Runs `act` in one transaction of the user's own database and commits its effect and its outcome together (I9): a
   * crash leaves nothing, and there is no lease. The store keeps its records in that database. A duplicate meanwhile is
   * `in_progress` at once; a throw rolls everything back, and a repeat runs again. A conflict of transactions runs
   * `act` again, so it must do nothing outside of `tx`. Throws as `run` does, and a TypeError for a store without transactions.
   */
  atomic<Tx, T>(db: AtomicDatabase<Tx>, call: OperationCall, act: (tx: Tx) => T | Promise<T>): Promise<RunResult<T>>;
  /**
   * Joins a transaction that is open: claims, runs `act` and stores its result through `execute`; what becomes of it is
   * what becomes of the transaction. Roll it back after any error. For a replay nothing was written. Throws as `atomic` does.
   */
  within<T>(execute: Executor, call: OperationCall, act: () => T | Promise<T>): Promise<RunResult<T>>;
  /** The low-level form of `run`: claims, and leaves the work and its completion to the caller. */
  claim(call: ClaimCall): Promise<Claimed>;
  /**
   * Completes a claim made elsewhere. `lost`: the token is not the owner's; nothing was written. Throws `outcome_too_large`
   * and `outcome_unserializable`, and then leaves a tombstone (the effect exists); `field_invalid`, `store_unavailable`.
   */
  complete(call: CompleteCall): Promise<CompleteAnswer>;
  /** The record, or undefined, as it also is for a blank operation or key, which nothing can have; changes nothing. */
  get(name: OperationName): Promise<OperationRecord | undefined>;
  /** A page of records, oldest first; `limit` defaults to 100. A wrong filter is `field_invalid`; a limit that is not 1 to 1000, or a cursor that no page gave, a RangeError. */
  list(call?: ListCall): Promise<{ readonly records: readonly OperationRecord[]; readonly cursor: string | null }>;
  /** Removes at most `limit` (default 1000) expired records, never a live reservation. */
  sweep(limit?: number): Promise<SweepAnswer>;
  resolve(call: ResolveCall): Promise<ResolveAnswer>;
  /** Erases what is known of an operation; a tombstone stays, so that a late retry does not run (I14). */
  erase(name: OperationName): Promise<EraseAnswer>;
  /** Writes what is still pending. The store stays open: it is the caller's. */
  close(): Promise<void>;
}

/** Operations over one store. Throws TypeError for a wrong option, naming it. */
export function createOnce(options: OnceOptions): Once {
  return new Operations(options);
}
