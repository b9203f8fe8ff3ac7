/**
 * What operators do: search, resolve what was abandoned by the revision they saw (I15),
 * erase with a tombstone left behind (I14). Live reservations are never touched.
 */
import { erasedOutcome } from '../../core/outcome.ts';
import type {
  DurationMs,
  EraseAnswer,
  ListAsk,
  ListPage,
  RecordId,
  ResolveAnswer,
  ResolveAsk,
  StoredRecord,
} from '../../core/store.ts';
import { holdOutcome } from './held-outcome.ts';
import { nothingNoted, show, stateOf } from './held-record.ts';
import { decide, openUp, remember, settle, type RecordKeeping } from './record-keeping.ts';
import { checkListLimit, labelsOfErased, matches } from './record-rules.ts';
import type { Found } from './record-table.ts';

/** {@link Store.list}. Throws a RangeError for a limit or cursor that cannot be one. */
export function list({ table, clock }: RecordKeeping, ask: ListAsk): ListPage {
  checkListLimit(ask.limit);
  const now = clock.monotonicMs();
  const nowMs = clock.nowMs();
  const past = ask.cursor === undefined ? undefined : placeOf(ask.cursor);
  const found: Found[] = [];
  for (const record of table.living(now)) {
    if (past !== undefined && inOrder(past, record) >= 0) continue;
    if (matches(ask, record, nowMs)) found.push(record);
  }
  const page = found.sort(inOrder).slice(0, ask.limit);
  const last = page.at(-1);
  const cursor = last !== undefined && found.length > ask.limit ? cursorOf(last) : null;
  const records = page.map(({ slot }) => table.at(slot)).filter((record) => record !== undefined);
  return { records: records.map((record) => show(record, now)), cursor };
}

type Place = Pick<StoredRecord, 'firstSeenAtMs' | 'id'>;

function inOrder(one: Place, other: Place): number {
  return one.firstSeenAtMs - other.firstSeenAtMs || (one.id < other.id ? -1 : one.id > other.id ? 1 : 0);
}

function cursorOf({ firstSeenAtMs, id }: Place): string {
  return `${firstSeenAtMs}:${id}`;
}

function placeOf(cursor: string): Place {
  const colon = cursor.indexOf(':');
  const firstSeenAtMs = colon < 1 ? NaN : Number(cursor.slice(0, colon));
  if (Number.isFinite(firstSeenAtMs)) return { firstSeenAtMs, id: cursor.slice(colon + 1) };
  throw new RangeError('list: cursor must be one that a page before gave');
}

/** {@link Store.resolve}. */
export function resolve(keeping: RecordKeeping, { id, seenRevision, decision, by }: ResolveAsk): ResolveAnswer {
  const { table, clock } = keeping;
  const now = clock.monotonicMs();
  const record = table.get(id, now);
  if (record === undefined) return { kind: 'absent' };
  if (record.revision !== seenRevision || stateOf(record, now) !== 'abandoned') return { kind: 'changed' };
  const outcome = decision.kind === 'outcome' ? holdOutcome(decision.outcome) : undefined;
  decide(keeping, record, () => {
    if (decision.kind === 'rerun') openUp(record, now, decision.keepMs);
    else if (outcome !== undefined) settle(record, outcome, decision.retentionMs, clock);
    record.token = null;
    remember(record, { atMs: clock.nowMs(), what: 'resolved', detail: `${by}: ${decision.kind}` });
  });
  return { kind: 'resolved' };
}

/** {@link Store.erase}. Of what was noted only the counts stay: what others sent is as personal as what was stored. */
export function erase(keeping: RecordKeeping, id: RecordId, keepMs: DurationMs): EraseAnswer {
  const { table, clock } = keeping;
  const now = clock.monotonicMs();
  const record = table.get(id, now);
  if (record === undefined) return { kind: 'absent' };
  if (stateOf(record, now) === 'in-progress') return { kind: 'in-progress' };
  decide(keeping, record, () => {
    settle(record, erasedOutcome, keepMs, clock);
    record.token = null;
    record.fingerprint = null;
    record.labels = labelsOfErased(record.labels);
    const { replayCount, conflictCount } = record.noted ?? nothingNoted;
    record.noted = { ...nothingNoted, replayCount, conflictCount };
    remember(record, { atMs: clock.nowMs(), what: 'erased', detail: null });
  });
  return { kind: 'erased' };
}
