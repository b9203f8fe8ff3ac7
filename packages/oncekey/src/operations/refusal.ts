/**
 * Decisions that are not an answer, as the errors that `run` throws. Exhaustive: a new
 * decision does not compile without its error.
 */
import type { DuplicateDecision } from '../core/engine.ts';
import { IdempotencyError } from '../core/errors.ts';
import type { FailureOutcome } from '../core/outcome.ts';

/** Why there is no value to give. */
export type Refused =
  | Exclude<DuplicateDecision, { kind: 'replay' }>
  | { readonly kind: 'failed'; readonly outcome: FailureOutcome };

/** The error for a refused decision. */
export function refusal(refused: Refused): IdempotencyError {
  switch (refused.kind) {
    case 'in-progress': {
      const message = 'the first request with this key still runs; repeat with the same key';
      return new IdempotencyError('in_progress', message, { retryAfterMs: refused.retryAfterMs });
    }
    case 'conflict': {
      const message = 'this key came before with other input; use a new key for a new operation';
      return new IdempotencyError('key_reused', message, { attempt: refused.attempt });
    }
    case 'unknown': {
      const message = `attempt ${refused.attempt} went silent and its effect is unknown; an operator has to resolve it`;
      return new IdempotencyError('outcome_unknown', message, { attempt: refused.attempt });
    }
    case 'not-kept': {
      const { reason } = refused.outcome;
      const message = `the operation took effect, but its outcome was not kept (${reason}); look the effect up instead`;
      return new IdempotencyError('outcome_not_kept', message, { reason });
    }
    case 'failed': {
      const { name, message } = refused.outcome;
      const text = `the operation failed before (${name}: ${message}) and may have had an effect; check, then use a new key`;
      return new IdempotencyError('work_failed', text, { name, message });
    }
    case 'store-down': {
      if (IdempotencyError.is(refused.cause)) return refused.cause;
      const message = 'the store is not available and nothing has run; repeat with the same key';
      return new IdempotencyError('store_unavailable', message, { phase: 'claim' }, { cause: refused.cause });
    }
  }
}
