/**
 * The claims of one batch and what reading decides about each: answered, or to be inserted,
 * taken over or renewed, or still to wait for what another of the batch does first. Pure;
 * it sends nothing. A differing fingerprint is never granted (I6).
 */
import { IdempotencyError } from '../../core/errors.ts';
import { fingerprintsAgree } from '../../core/fingerprint.ts';
import type { ClaimAnswer, ClaimAsk, Granted, RecordId } from '../../core/store.ts';
import type { BatchEntry } from '../coalesce.ts';
import type { Found } from './reading.ts';
import { type DecidingRow, completedAnswer, isExpired, savedSteps } from './rows.ts';

/** One claim of a batch. */
export interface Claim {
  readonly ask: ClaimAsk;
  /** Whether it was among those of an insertion of which some, but not all, came too late. */
  inserted: boolean;
  entry: BatchEntry<ClaimAnswer> | undefined;
}

/** A claim that becomes owner, or stays it, if its record is still as it was read. */
export interface Continued {
  readonly claim: Claim;
  readonly row: DecidingRow;
  /** The answer then. */
  readonly granted: Granted;
}

/** What is left to do for those that reading did not answer; at most one insertion and one takeover an id. */
export interface Todo {
  readonly absent: readonly Claim[];
  readonly expired: readonly RecordId[];
  readonly continued: readonly Continued[];
}

/** The claims of a batch, in the order they were asked. */
export class ClaimBatch {
  readonly #claims: readonly Claim[];

  constructor(asks: readonly ClaimAsk[]) {
    this.#claims = asks.map((ask) => ({ ask, inserted: false, entry: undefined }));
  }

  /** Those without an answer. */
  get waiting(): readonly Claim[] {
    return this.#claims.filter(({ entry }) => entry === undefined);
  }

  /** One claim of each record. */
  firstOfEach(): readonly Claim[] {
    return [...new Map(this.#claims.toReversed().map((claim) => [claim.ask.id, claim])).values()];
  }

  /** What became of each. */
  entries(): BatchEntry<ClaimAnswer>[] {
    return this.#claims.map(({ entry }) => entry ?? { error: contested() });
  }

  /** Answers what the rows answer; tells what there is to do for the rest. */
  look(found: ReadonlyMap<RecordId, Found>): Todo {
    const absent = new Map<RecordId, Claim>();
    const expired: RecordId[] = [];
    const continued: Continued[] = [];
    const taken = new Set<RecordId>();
    for (const claim of this.waiting) {
      const { id } = claim.ask;
      const seen = found.get(id);
      if (seen !== undefined && 'error' in seen) claim.entry = seen;
      else if (seen === undefined || isExpired(seen.row)) {
        if (!absent.has(id) && seen !== undefined) expired.push(id);
        if (!absent.has(id)) absent.set(id, claim);
      } else {
        const next = decideClaim(claim, seen.row, taken);
        if (next !== undefined) continued.push(next);
      }
    }
    return { absent: [...absent.values()], expired, continued };
  }
}

function decideClaim(claim: Claim, row: DecidingRow, taken: Set<RecordId>): Continued | undefined {
  const { ask } = claim;
  try {
    if (row.state === 'in-progress' && row.token === ask.token) return continueOwn(claim, row);
    const refused = refusal(row, ask);
    if (refused !== undefined) claim.entry = { answer: refused };
    if (refused !== undefined || taken.has(ask.id)) return undefined;
    taken.add(ask.id);
    return { claim, row, granted: { kind: 'granted', attempt: row.attempt + 1, steps: savedSteps(row) } };
  } catch (error) {
    claim.entry = { error };
    return undefined;
  }
}

function continueOwn(claim: Claim, row: DecidingRow): Continued | undefined {
  const { attempt } = row;
  const granted: Granted = { kind: 'granted', attempt, steps: attempt === 1 ? [] : savedSteps(row) };
  if (!claim.inserted) return { claim, row, granted };
  claim.entry = { answer: granted };
  return undefined;
}

function refusal(row: DecidingRow, ask: ClaimAsk): ClaimAnswer | undefined {
  const { state, fingerprint, attempt } = row;
  if (state === 'completed' || state === 'erased') return completedAnswer(row);
  const leaseLeftMs = ((row.leaseEndUs ?? 0) - row.nowUs) / 1000;
  if (leaseLeftMs > 0) return { kind: 'in-progress', fingerprint, attempt, leaseLeftMs };
  const held = state === 'in-progress' && ask.ifAbandoned === 'hold';
  const mayContinue = !held && fingerprintsAgree(fingerprint, ask.fingerprint);
  return mayContinue ? undefined : { kind: 'abandoned', fingerprint, attempt };
}

function contested(): IdempotencyError<'store_unavailable'> {
  const message = 'the record kept changing while it was claimed; try again';
  return new IdempotencyError('store_unavailable', message, { phase: 'claim' });
}
