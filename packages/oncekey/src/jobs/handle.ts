/**
 * What every decision means for a queue: one exhaustive table, written once for all of them
 * (SEMANTICS 2). Done is acknowledged and not run again; running elsewhere is handed back for
 * later; a failure is released and the queue owns the retries; what no retry can mend is refused.
 */
import { IdempotencyError, type ErrorCode } from '../core/errors.ts';

/** What a queue is to do with a job. */
export type JobAnswer<T = unknown> =
  /** Acknowledge it: it took effect, now or before. `value` is undefined where it was not kept. */
  | { readonly kind: 'done'; readonly value: T; readonly replayed: boolean }
  /** Nothing ran here: hand it back, to come again after `afterMs`, if possible without counting a failure. */
  | { readonly kind: 'later'; readonly afterMs: number; readonly error: IdempotencyError }
  /** The handler threw and its claim was given back: retry by the queue's own rules. */
  | { readonly kind: 'failed'; readonly error: unknown }
  /** No retry can help: put it where people look, such as a dead-letter queue. */
  | { readonly kind: 'refused'; readonly error: IdempotencyError };

const meanings = {
  in_progress: 'later',
  lease_lost: 'later',
  store_unavailable: 'later',
  job_unregistered: 'later',
  // An operator has to resolve it first; until then the job must not be lost.
  outcome_unknown: 'later',
  outcome_not_kept: 'done',
  store_unusable: 'failed',
  step_invalid: 'failed',
  key_missing: 'refused',
  key_invalid: 'refused',
  scope_missing: 'refused',
  field_invalid: 'refused',
  key_reused: 'refused',
  work_failed: 'refused',
  outcome_too_large: 'refused',
  outcome_unserializable: 'refused',
  record_unreadable: 'refused',
} satisfies Record<ErrorCode, JobAnswer['kind']>;

const defaultAfterMs = 1000;
/** An operator takes longer than a worker. */
const operatorAfterMs = 60_000;

/** The answer for what a run threw; `byHandler`: the handler threw it, and it was not decided here. */
export function answerFor(error: unknown, byHandler: boolean): JobAnswer<never> {
  if (!IdempotencyError.is(error)) return { kind: 'failed', error };
  // A handler that was told to come again passes it on; every other error of its own is a failure.
  const meaning = byHandler && !error.retryable ? 'failed' : meanings[error.code];
  switch (meaning) {
    case 'done':
      return { kind: 'done', value: undefined as never, replayed: true };
    case 'later':
      return { kind: 'later', afterMs: pauseOf(error), error };
    case 'failed':
      return { kind: 'failed', error };
    case 'refused':
      return { kind: 'refused', error };
  }
}

function pauseOf(error: IdempotencyError): number {
  if (IdempotencyError.is(error, 'in_progress')) return error.details.retryAfterMs;
  return error.code === 'outcome_unknown' ? operatorAfterMs : defaultAfterMs;
}
