/**
 * Outcomes as values and results: what is stored of a value, and what a caller gets of
 * what was stored.
 */
import type { Decision, Intent } from '../core/engine.ts';
import { IdempotencyError } from '../core/errors.ts';
import type { NotKeptOutcome, Outcome, ValueOutcome } from '../core/outcome.ts';
import { decodeValue, encodeValue } from '../core/value.ts';
import type { Work } from '../core/work.ts';
import type { OutcomeWords, RunResult } from './once.ts';
import { factsOf } from './record.ts';
import { refusal } from './refusal.ts';
import { noWords, soundWords } from './words.ts';

/** The outcome of a value, without words. Throws `outcome_unserializable`, `outcome_too_large`. */
export function valueOutcome(value: unknown, limitBytes: number): ValueOutcome {
  return { kind: 'value', body: encodeValue(value, limitBytes), ...noWords };
}

/** The outcome of a value with its words, or what is kept because the effect exists, and an error to throw. */
export type MadeOutcome =
  | { readonly outcome: ValueOutcome }
  | { readonly outcome: ValueOutcome | NotKeptOutcome; readonly error: unknown };

/** A value that cannot be kept leaves a tombstone; words that cannot be kept are left out. */
export function outcomeFor(value: unknown, words: OutcomeWords, limitBytes: number): MadeOutcome {
  let outcome: ValueOutcome;
  try {
    outcome = valueOutcome(value, limitBytes);
  } catch (error) {
    const reason = IdempotencyError.is(error, 'outcome_too_large') ? 'oversize' : 'unserializable';
    return { outcome: { kind: 'not-kept', reason, status: null, headers: [] }, error };
  }
  try {
    return { outcome: { ...outcome, ...soundWords(words, limitBytes) } };
  } catch (error) {
    return { outcome, error };
  }
}

/** The value of an outcome; an HTTP answer that was stored under the same key is given as it is. */
export function valueOf(outcome: Exclude<Outcome, { kind: 'failure' | 'not-kept' }>): unknown {
  return outcome.kind === 'value' ? decodeValue(outcome.body) : outcome;
}

/** The first run's result for a repeat. Throws what the decision means where there is none. */
export function replayed<T>(intent: Intent, decision: Exclude<Decision, { kind: 'run' }>): RunResult<T> {
  if (decision.kind !== 'replay') throw refusal(decision);
  const { outcome, attempt, completedAtMs } = decision;
  if (outcome.kind === 'failure') throw refusal({ kind: 'failed', outcome });
  const record = factsOf(intent.id, attempt, completedAtMs, outcome);
  return { status: 'replayed', value: valueOf(outcome) as T, record };
}

/** The result of a run that leaves no record. */
export function unrecorded<T>(intent: Intent, work: Work, value: T): RunResult<T> {
  const record = { id: intent.id, attempt: work.attempt, completedAtMs: null, kind: null, refs: [], details: null };
  return { status: 'executed', value, record };
}
