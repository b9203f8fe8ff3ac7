/**
 * What owners do: claim, extend, save steps, complete and release, decided in this
 * process. One owner at a time (I1), completed is terminal (I2), and only the current
 * token writes (I3), also late as long as nobody replaced it.
 */
import { fingerprintsAgree } from '../../core/fingerprint.ts';
import type {
  ClaimAnswer,
  ClaimAsk,
  CompleteAnswer,
  CompleteAsk,
  DurationMs,
  ExtendAnswer,
  Granted,
  RecordId,
  ReleaseAnswer,
  SavedStep,
  SaveStepAnswer,
  Token,
} from '../../core/store.ts';
import { giveOutcome, holdOutcome } from './held-outcome.ts';
import { HeldRecord, noSteps } from './held-record.ts';
import { decide, full, openUp, settle, startLease, type RecordKeeping } from './record-keeping.ts';
import { ownStep, withStep } from './record-rules.ts';
import { weighStep } from './record-weight.ts';

/** How many ended records a claim clears away: more than it adds, so that they never pile up. */
const clearedPerClaim = 2;
const lost = { kind: 'lost' } as const;

/** {@link Store.claim}. Throws `store_unavailable` when only records that must not go fill the bounds. */
export function claim(keeping: RecordKeeping, ask: ClaimAsk): ClaimAnswer {
  const { table, clock } = keeping;
  const now = clock.monotonicMs();
  table.removeEnded(now, clearedPerClaim);
  const slot = table.find(ask.id, now);
  const answer = slot < 0 ? undefined : table.answer(slot);
  if (answer !== undefined) return answer;
  const record = slot < 0 ? undefined : table.at(slot);
  if (record === undefined) return startAnew(keeping, ask, now);
  if (record.stage === 'owned' && record.token === ask.token) {
    table.alter(record, () => startLease(record, now, ask.leaseMs, ask.keepMs));
    return granted(record);
  }
  return refusal(record, ask, now) ?? takeOver(keeping, record, ask, now);
}

function startAnew({ table, clock, bounds }: RecordKeeping, ask: ClaimAsk, now: number): Granted {
  if (!table.add(new HeldRecord(ask, now, clock.nowMs()))) throw full(bounds, 'claim');
  return { kind: 'granted', attempt: 1, steps: noSteps };
}

function refusal(record: HeldRecord, ask: ClaimAsk, now: number): ClaimAnswer | undefined {
  const { stage, fingerprint, attempt, outcome } = record;
  if (stage === 'completed' && outcome !== null) {
    return {
      kind: 'completed',
      fingerprint,
      attempt,
      completedAtMs: record.completedAtMs ?? 0,
      outcome: giveOutcome(outcome),
    };
  }
  const leaseLeftMs = stage === 'owned' ? record.leaseEndsAt - now : 0;
  if (leaseLeftMs > 0) return { kind: 'in-progress', fingerprint, attempt, leaseLeftMs };
  const held = stage === 'owned' && ask.ifAbandoned === 'hold';
  const mayContinue = !held && fingerprintsAgree(fingerprint, ask.fingerprint);
  return mayContinue ? undefined : { kind: 'abandoned', fingerprint, attempt };
}

function takeOver(keeping: RecordKeeping, record: HeldRecord, ask: ClaimAsk, now: number): Granted {
  decide(keeping, record, () => {
    record.stage = 'owned';
    record.token = ask.token;
    record.attempt++;
    record.fingerprint ??= ask.fingerprint;
    record.lastSeenAtMs = keeping.clock.nowMs();
    startLease(record, now, ask.leaseMs, ask.keepMs);
  });
  return granted(record);
}

function granted({ attempt, steps }: HeldRecord): Granted {
  return { kind: 'granted', attempt, steps: attempt === 1 ? noSteps : (steps ?? noSteps) };
}

/** {@link Store.extend}. */
export function extend({ table, clock }: RecordKeeping, id: RecordId, token: Token, leaseMs: number): ExtendAnswer {
  const now = clock.monotonicMs();
  const record = table.get(id, now);
  if (!owns(token, record)) return lost;
  table.alter(record, () => startLease(record, now, leaseMs, record.keepMs));
  return { kind: 'kept' };
}

function owns(token: Token, record: HeldRecord | undefined): record is HeldRecord {
  return record?.stage === 'owned' && record.token === token;
}

/** {@link Store.complete}. Never refused for want of room: other completed records go instead. */
export function complete(keeping: RecordKeeping, { id, token, outcome, retentionMs }: CompleteAsk): CompleteAnswer {
  const { table, clock } = keeping;
  const record = table.get(id, clock.monotonicMs());
  if (record === undefined || record.token !== token) return lost;
  const { completedAtMs } = record;
  if (record.stage === 'completed' && completedAtMs !== null) return { kind: 'already', completedAtMs };
  const own = holdOutcome(outcome);
  decide(keeping, record, () => settle(record, own, retentionMs, clock));
  return { kind: 'stored', completedAtMs: record.completedAtMs ?? 0 };
}

/** {@link Store.release}. */
export function release(keeping: RecordKeeping, id: RecordId, token: Token, keepMs: DurationMs): ReleaseAnswer {
  const { table, watchers, clock } = keeping;
  const now = clock.monotonicMs();
  const record = table.get(id, now);
  // Open means released: by this token, or by an operator. Nobody owns it, so nothing can be lost.
  if (record === undefined || record.stage === 'open') return { kind: 'released' };
  if (!owns(token, record)) return lost;
  if (record.attempt > 1 || record.steps !== null) {
    decide(keeping, record, () => openUp(record, now, keepMs));
  } else {
    table.drop(record);
    watchers.tell(id);
  }
  return { kind: 'released' };
}

/** {@link Store.saveStep}. Throws `store_unavailable` when only records that must not go fill the bounds. */
export function saveStep(keeping: RecordKeeping, id: RecordId, token: Token, step: SavedStep): SaveStepAnswer {
  const { table, clock, bounds } = keeping;
  const record = table.get(id, clock.monotonicMs());
  if (!owns(token, record)) return lost;
  if (!table.makeRoom(0, weighStep(step))) throw full(bounds, 'work');
  const own = ownStep(step);
  table.alter(record, () => {
    record.steps = withStep(record.steps ?? noSteps, own);
  });
  return { kind: 'stored' };
}
