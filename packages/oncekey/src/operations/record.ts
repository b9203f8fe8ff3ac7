/**
 * A record as users of `createOnce` see it: the stored facts with the value decoded.
 */
import type { FailureOutcome, NotKeptOutcome, Outcome, Reference } from '../core/outcome.ts';
import type { StoredRecord } from '../core/store.ts';
import { decodeValue } from '../core/value.ts';

/** What is known of an outcome beside its value. */
export interface OutcomeFacts {
  readonly id: string;
  readonly attempt: number;
  /** Unix milliseconds by the store's clock; null when it could not be recorded. */
  readonly completedAtMs: number | null;
  /** The caller's word for how it went, such as `accepted`. */
  readonly kind: string | null;
  /** Primary and secondary reference to what the work made. */
  readonly refs: readonly Reference[];
  /** Any JSON value; null when none. */
  readonly details: unknown;
}

/** One operation, for people and programs that look it up. */
export interface OperationRecord extends Omit<StoredRecord, 'token' | 'outcome' | 'steps' | 'labels'>, OutcomeFacts {
  readonly scope: readonly string[];
  readonly operation: string | null;
  readonly key: string;
  readonly owner: string | null;
  readonly eventId: string | null;
  /** What the work returned; undefined when there is none, or none was kept. */
  readonly value: unknown;
  /** The stored failure or tombstone, where the outcome is no value. */
  readonly failure: FailureOutcome | null;
  readonly notKept: NotKeptOutcome | null;
  readonly stepNames: readonly string[];
}

/** The facts of an outcome. */
export function factsOf(id: string, attempt: number, completedAtMs: number | null, outcome: Outcome): OutcomeFacts {
  const { label, refs, details } = outcome.kind === 'value' ? outcome : { label: null, refs: [], details: null };
  return { id, attempt, completedAtMs, kind: label, refs, details };
}

const noOutcome = { kind: null, refs: [], details: null } as const;

/** A stored record with its value decoded. Throws `record_unreadable`. */
export function operationRecord(record: StoredRecord): OperationRecord {
  const { token: _token, outcome, steps, labels, ...facts } = record;
  const { scope, operation, key, owner, eventId } = labels;
  return {
    ...facts,
    ...(outcome === null ? noOutcome : factsOf(record.id, record.attempt, record.completedAtMs, outcome)),
    scope,
    operation,
    key,
    owner,
    eventId,
    value: outcome?.kind === 'value' ? decodeValue(outcome.body) : undefined,
    failure: outcome?.kind === 'failure' ? outcome : null,
    notKept: outcome?.kind === 'not-kept' ? outcome : null,
    stepNames: steps.map((step) => step.name),
  };
}
