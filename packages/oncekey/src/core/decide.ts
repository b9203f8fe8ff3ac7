/**
 * From what a store says to what is to be done: pure, without time or I/O. Mismatch
 * comes before in-progress and before replay (rule 4, I6); an unknown outcome runs
 * again only by policy, which the store has applied already (I8).
 */
import type { Decision, DuplicateDecision, Intent } from './engine.ts';
import { fingerprintsAgree, sameInput } from './fingerprint.ts';
import type { ClaimAnswer, Fingerprint, StoredRecord } from './store.ts';

/** A duplicate's decision, or the fingerprint to claim again with: the same input under the record's older algorithm. */
export type Verdict =
  | Exclude<DuplicateDecision, { kind: 'store-down' }>
  | { readonly kind: 'claim-as'; readonly fingerprint: Fingerprint };

/** Shortest and longest pause asked of a refused duplicate. */
const retryAfterMs = 1000;

/** What a claim that was not granted means for this intent. */
export function decide(answer: Exclude<ClaimAnswer, { kind: 'granted' }>, intent: Intent): Verdict {
  const { attempt, fingerprint } = answer;
  if (!sameInput(fingerprint, intent)) return { kind: 'conflict', attempt };
  switch (answer.kind) {
    case 'in-progress':
      return { kind: 'in-progress', attempt, retryAfterMs };
    case 'abandoned':
      if (fingerprint !== null && !fingerprintsAgree(fingerprint, intent.fingerprint))
        return { kind: 'claim-as', fingerprint };
      return { kind: 'unknown', attempt };
    case 'completed': {
      const { outcome, completedAtMs } = answer;
      return outcome.kind === 'not-kept'
        ? { kind: 'not-kept', outcome, attempt, completedAtMs }
        : { kind: 'replay', outcome, attempt, completedAtMs };
    }
  }
}

/** What a duplicate is told of a record that was read, not claimed; one that nobody holds now is told to come again. */
export function decideFromRecord(
  record: StoredRecord | undefined,
  intent: Intent,
): Exclude<Decision, { kind: 'run' | 'store-down' }> {
  const wait = { kind: 'in-progress', attempt: record?.attempt ?? 1, retryAfterMs } as const;
  if (record === undefined) return wait;
  const { fingerprint, attempt, outcome, completedAtMs } = record;
  if (outcome !== null && completedAtMs !== null) {
    const verdict = decide({ kind: 'completed', fingerprint, attempt, outcome, completedAtMs }, intent);
    return verdict.kind === 'claim-as' ? wait : verdict;
  }
  if (!sameInput(fingerprint, intent)) return { kind: 'conflict', attempt };
  return record.state === 'abandoned' && intent.policy.abandoned === 'hold' ? { kind: 'unknown', attempt } : wait;
}
