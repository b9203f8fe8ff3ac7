/**
 * The one error class of the library. Expected situations inside are values; this is
 * what they become at the edge. No status codes here: each inbound ring has its own
 * exhaustive table.
 */

/** What each code tells beyond its message. */
export interface ErrorDetails {
  /** No key where one is required. */
  key_missing: { field: string };
  /** A key that cannot be used. */
  key_invalid: { field: string; reason: string };
  /** No scope where one is required. */
  scope_missing: { field: string };
  /** Another field that cannot be used, such as an empty operation. */
  field_invalid: { field: string; reason: string };
  /** The key came before with other input: use a new key. */
  key_reused: { attempt: number };
  /** The first request still runs: repeat with the same key. */
  in_progress: { retryAfterMs: number };
  /** Ownership passed to somebody else while the work ran. */
  lease_lost: { attempt: number };
  /** The owner went silent and policy holds the record for an operator. */
  outcome_unknown: { attempt: number };
  /** The work took effect, but its outcome was not kept. */
  outcome_not_kept: { reason: string };
  outcome_too_large: { bytes: number; limitBytes: number };
  outcome_unserializable: { reason: string };
  /** The work threw the first time and its failure was stored: what it did is not known to be nothing. */
  work_failed: { name: string; message: string };
  /** A step's name was used twice in one attempt, or is empty. */
  step_invalid: { step: string; reason: string };
  /** The job's handler was unregistered here; another worker may have it. */
  job_unregistered: { job: string };
  /** The store did not answer; `phase` tells whether the work has run. */
  store_unavailable: { phase: 'start' | 'claim' | 'work' | 'complete' | 'other' };
  /** The store answers but must not be used: newer schema, corrupt file, open transaction, … */
  store_unusable: { reason: string };
  /** A stored record that cannot be trusted. */
  record_unreadable: { reason: string };
}

/** Stable name of what went wrong; each has a heading in docs/reference/errors.md. */
export type ErrorCode = keyof ErrorDetails;

const retryableCodes = new Set<ErrorCode>(['in_progress', 'lease_lost', 'job_unregistered', 'store_unavailable']);
const brand: unique symbol = Symbol.for('oncekey.IdempotencyError') as never;

/** Thrown at the library's edge. `retryable`: the same call with the same key may succeed later. */
export class IdempotencyError<C extends ErrorCode = ErrorCode> extends Error {
  override readonly name = 'IdempotencyError';
  readonly code: C;
  readonly details: ErrorDetails[C];
  readonly retryable: boolean;

  /** `message` says what happened and what to do; the code is put in front of it. */
  constructor(code: C, message: string, details: ErrorDetails[C], options?: { cause?: unknown }) {
    super(`[${code}] ${message}`, options);
    this.code = code;
    this.details = details;
    this.retryable = retryableCodes.has(code);
    Object.defineProperty(this, brand, { value: true });
  }

  /** Whether `value` is one, also across two copies of this package; with `code`, of that code. */
  static is<C extends ErrorCode = ErrorCode>(value: unknown, code?: C): value is IdempotencyError<C> {
    if (typeof value !== 'object' || value === null || !(brand in value)) return false;
    return code === undefined || (value as unknown as IdempotencyError).code === code;
  }
}
