/**
 * A record as a store inside this process holds it: the facts of the seam's record, with
 * instants of the store's own clock instead of durations. This is the form of records that
 * are unfinished or being changed; what most never have (steps, notes) is null until needed.
 * Decides nothing.
 */
import type {
  ClaimAsk,
  DurationMs,
  Fingerprint,
  Labels,
  RecordId,
  RecordState,
  SavedStep,
  StoredRecord,
  TimelineEvent,
  Token,
} from '../../core/store.ts';
import { giveOutcome, holdOutcome, type HeldOutcome } from './held-outcome.ts';
import { ownStep } from './record-rules.ts';

/** Owned covers in progress and abandoned: which of the two it is, the clock tells. */
export type Stage = 'owned' | 'open' | 'completed';

/** What was noted beside the state. */
export interface Noted {
  readonly replayCount: number;
  readonly conflictCount: number;
  readonly conflictFingerprints: readonly Fingerprint[];
  readonly timeline: readonly TimelineEvent[];
}

/** Nothing noted yet. */
export const nothingNoted: Noted = { replayCount: 0, conflictCount: 0, conflictFingerprints: [], timeline: [] };

/** No steps saved yet. */
export const noSteps: readonly SavedStep[] = [];

/** One record in memory. `leaseEndsAt` and `endsAt` are monotonic milliseconds, the other instants Unix ones. */
export class HeldRecord {
  readonly id: RecordId;
  stage: Stage = 'owned';
  attempt = 1;
  revision = 1;
  token: Token | null;
  fingerprint: Fingerprint | null;
  labels: Labels;
  /** How long it stays once abandoned. */
  keepMs: DurationMs;
  leaseEndsAt: number;
  /** When it counts as absent; Infinity for ever. */
  endsAt: number;
  outcome: HeldOutcome | null = null;
  steps: readonly SavedStep[] | null = null;
  firstSeenAtMs: number;
  /** Null as long as it is when first seen. */
  lastSeenAtMs: number | null = null;
  completedAtMs: number | null = null;
  noted: Noted | null = null;
  /** Estimated; kept by the table, as is `slot`. */
  bytes = 0;
  slot = -1;

  /** A first claim. */
  constructor(ask: ClaimAsk, now: number, nowMs: number) {
    this.id = ask.id;
    this.token = ask.token;
    this.fingerprint = ask.fingerprint;
    this.labels = ask.labels;
    this.keepMs = ask.keepMs;
    this.leaseEndsAt = now + ask.leaseMs;
    this.endsAt = endOf(this.leaseEndsAt, ask.keepMs);
    this.firstSeenAtMs = nowMs;
  }
}

/** The instant `durationMs` after `from`; Infinity when it is for ever. */
export function endOf(from: number, durationMs: DurationMs): number {
  return durationMs === null ? Infinity : from + durationMs;
}

/** The state that the record has at `now`. */
export function stateOf(record: HeldRecord, now: number): RecordState {
  if (record.stage === 'open') return 'open';
  if (record.stage === 'owned') return record.leaseEndsAt > now ? 'in-progress' : 'abandoned';
  return record.outcome?.kind === 'not-kept' && record.outcome.reason === 'erased' ? 'erased' : 'completed';
}

/** The record as the seam shows it at `now`. */
export function show(record: HeldRecord, now: number): StoredRecord {
  const state = stateOf(record, now);
  const live = state === 'in-progress';
  const { replayCount, conflictCount, conflictFingerprints, timeline } = record.noted ?? nothingNoted;
  return {
    id: record.id,
    state,
    attempt: record.attempt,
    token: record.token,
    fingerprint: record.fingerprint,
    revision: record.revision,
    leaseLeftMs: live ? record.leaseEndsAt - now : null,
    retentionLeftMs: live || record.endsAt === Infinity ? null : record.endsAt - now,
    labels: record.labels,
    outcome: record.outcome === null ? null : giveOutcome(record.outcome),
    steps: record.steps ?? noSteps,
    firstSeenAtMs: record.firstSeenAtMs,
    lastSeenAtMs: record.lastSeenAtMs ?? record.firstSeenAtMs,
    completedAtMs: record.completedAtMs,
    replayCount,
    conflictCount,
    conflictFingerprints,
    timeline,
  };
}

/** A record from elsewhere, its durations counted from `now`. */
export function restore(stored: StoredRecord, now: number): HeldRecord {
  const owned = stored.state === 'in-progress' || stored.state === 'abandoned';
  const ask = { ...stored, token: stored.token ?? '', leaseMs: stored.leaseLeftMs ?? 0, ifAbandoned: 'hold' as const };
  const record = new HeldRecord({ ...ask, keepMs: stored.retentionLeftMs }, now, stored.firstSeenAtMs);
  record.stage = owned ? 'owned' : stored.state === 'open' ? 'open' : 'completed';
  record.token = stored.token;
  record.attempt = stored.attempt;
  record.revision = stored.revision;
  record.outcome = stored.outcome === null ? null : holdOutcome(stored.outcome);
  record.steps = stored.steps.length === 0 ? null : stored.steps.map(ownStep);
  record.lastSeenAtMs = stored.lastSeenAtMs === stored.firstSeenAtMs ? null : stored.lastSeenAtMs;
  record.completedAtMs = stored.completedAtMs;
  const noted = stored.replayCount + stored.conflictCount + stored.timeline.length > 0;
  record.noted = noted ? notedIn(stored) : null;
  return record;
}

function notedIn({ replayCount, conflictCount, conflictFingerprints, timeline }: StoredRecord): Noted {
  return { replayCount, conflictCount, conflictFingerprints: [...conflictFingerprints], timeline: [...timeline] };
}
