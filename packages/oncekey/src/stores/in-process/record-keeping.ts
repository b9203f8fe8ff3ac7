/**
 * What the methods of an in-process store work on, and the few moves they share. A move
 * changes a record and nothing else; who may make it is decided by the method (I3).
 */
import type { Clock } from '../../core/clock.ts';
import { IdempotencyError } from '../../core/errors.ts';
import type { DurationMs, TimelineEvent } from '../../core/store.ts';
import type { HeldOutcome } from './held-outcome.ts';
import { endOf, nothingNoted, type HeldRecord } from './held-record.ts';
import { withEvent } from './record-rules.ts';
import type { RecordTable, TableBounds } from './record-table.ts';
import type { Watchers } from './watchers.ts';

/** The records of one store, its clock and who watches. */
export interface RecordKeeping {
  readonly table: RecordTable;
  readonly watchers: Watchers;
  readonly clock: Clock;
  readonly bounds: TableBounds;
}

/** Makes a change that decides something: raises the revision and tells who watches. */
export function decide({ table, watchers }: RecordKeeping, record: HeldRecord, change: () => void): void {
  table.alter(record, () => {
    record.revision++;
    change();
  });
  watchers.tell(record.id);
}

/** A lease from `now`. */
export function startLease(record: HeldRecord, now: number, leaseMs: number, keepMs: DurationMs): void {
  record.leaseEndsAt = now + leaseMs;
  record.keepMs = keepMs;
  record.endsAt = endOf(record.leaseEndsAt, keepMs);
}

/** Done: `outcome` answers for `retentionMs`. The first instant of completion stays. */
export function settle(record: HeldRecord, outcome: HeldOutcome, retentionMs: DurationMs, clock: Clock): void {
  record.stage = 'completed';
  record.outcome = outcome;
  record.steps = null;
  record.endsAt = endOf(clock.monotonicMs(), retentionMs);
  record.completedAtMs ??= clock.nowMs();
}

/** Nobody's, and claimable at once as the next attempt. */
export function openUp(record: HeldRecord, now: number, keepMs: DurationMs): void {
  record.stage = 'open';
  record.token = null;
  record.endsAt = endOf(now, keepMs);
}

/** Adds an event to what people see. */
export function remember(record: HeldRecord, event: TimelineEvent): void {
  const noted = record.noted ?? nothingNoted;
  record.noted = { ...noted, timeline: withEvent(noted.timeline, event) };
}

/** Nothing that may go would make enough room. */
export function full({ maxRecords, maxBytes }: TableBounds, phase: 'claim' | 'work' | 'other'): IdempotencyError {
  const happened = `the memory store is full (${maxRecords} records or ${maxBytes} bytes) of records that must not go`;
  const todo = 'raise maxRecords or maxBytes, resolve held records, or use a durable store';
  return new IdempotencyError('store_unavailable', `${happened}; ${todo}`, { phase });
}
