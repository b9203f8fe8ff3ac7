/**
 * What the hot store is given and what it is believed: copies of completed records, and
 * marks of running ones. Pure. A copy says what a claim is answered and nothing else: no
 * labels, no steps, no token. Revisions order them, so that a mark (1) never stands over a
 * copy (2 and more) and an older copy never over the tombstone that came after it.
 */
import type { Outcome } from '../../core/outcome.ts';
import { noLabels, type ClaimAnswer, type ClaimAsk, type DurationMs, type StoredRecord } from '../../core/store.ts';

/** How long a mark is believed: no longer than the pause that a refused duplicate is asked to make. */
export const longestMarkMs = 1000;

const highestRevision = 0x7fffffff;

/** The facts of a completed record that a claim is answered with. */
export type CompletedFacts = Pick<StoredRecord, 'id' | 'attempt' | 'fingerprint' | 'revision'> & {
  readonly outcome: Outcome;
  readonly completedAtMs: number;
};

/** A completed (or erased) record for the hot store, answering for `leftMs`. */
export function copyOf(facts: CompletedFacts, leftMs: DurationMs): StoredRecord {
  const { id, attempt, fingerprint, revision, outcome, completedAtMs } = facts;
  const erased = outcome.kind === 'not-kept' && outcome.reason === 'erased';
  return {
    ...bare(id, completedAtMs),
    state: erased ? 'erased' : 'completed',
    attempt,
    fingerprint,
    revision,
    outcome,
    completedAtMs,
    retentionLeftMs: leftMs,
  };
}

/** What a record says about its completion; undefined while it has none. */
export function completedFacts(record: StoredRecord): CompletedFacts | undefined {
  const { id, attempt, fingerprint, revision, outcome, completedAtMs } = record;
  if (outcome === null || completedAtMs === null) return undefined;
  return { id, attempt, fingerprint, revision, outcome, completedAtMs };
}

/** A mark that `ask` owns the record for `leaseLeftMs` more; undefined when that is too short to be told. */
export function markOf(ask: ClaimAsk, attempt: number, leaseLeftMs: number): StoredRecord | undefined {
  const markMs = Math.min(Math.floor(leaseLeftMs), longestMarkMs);
  if (markMs <= 0) return undefined;
  return {
    ...bare(ask.id, 0),
    state: 'in-progress',
    attempt,
    token: ask.token,
    fingerprint: ask.fingerprint,
    leaseLeftMs: markMs,
    retentionLeftMs: markMs,
    // The mark ends long before the lease does; what is left of that is told by both.
    labels: { ...noLabels, key: `${Math.floor(leaseLeftMs)} ${markMs}` },
  };
}

/** Takes the place of any copy and is over at once: the hot store knows nothing then. */
export function nothingOf(id: string): StoredRecord {
  return { ...bare(id, 0), state: 'open', revision: highestRevision, retentionLeftMs: 1 };
}

/**
 * What may be answered early, from the hot store alone; undefined: the durable one decides. Completed is terminal, so
 * a copy of it is as good as the record (I2). A mark is believed only by others with the same input: who asks with the
 * owner's token, or with another input than a mark that may have outlived its claim, gets the durable word (I6).
 */
export function earlyAnswer(found: StoredRecord, ask: ClaimAsk): ClaimAnswer | undefined {
  const facts = completedFacts(found);
  if (facts !== undefined) {
    const { fingerprint, attempt, completedAtMs, outcome } = facts;
    return { kind: 'completed', fingerprint, attempt, completedAtMs, outcome };
  }
  if (found.state !== 'in-progress' || found.token === ask.token || found.fingerprint !== ask.fingerprint) {
    return undefined;
  }
  const [leaseMs = 0, markMs = 0] = found.labels.key.split(' ').map(Number);
  const leaseLeftMs = leaseMs - markMs + (found.leaseLeftMs ?? 0);
  return { kind: 'in-progress', fingerprint: found.fingerprint, attempt: found.attempt, leaseLeftMs };
}

function bare(id: string, atMs: number): StoredRecord {
  return {
    id,
    state: 'open',
    attempt: 1,
    token: null,
    fingerprint: null,
    revision: 1,
    leaseLeftMs: null,
    retentionLeftMs: null,
    labels: noLabels,
    outcome: null,
    steps: [],
    firstSeenAtMs: atMs,
    lastSeenAtMs: atMs,
    completedAtMs: null,
    replayCount: 0,
    conflictCount: 0,
    conflictFingerprints: [],
    timeline: [],
  };
}
