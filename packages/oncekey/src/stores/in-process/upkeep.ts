/**
 * What goes on beside ownership: reading, warming with records from elsewhere, noting
 * replays and conflicts, sweeping. None of it decides anything about a living record,
 * but `put` of a higher revision, which another store has decided.
 */
import type { Note, RecordId, StoredRecord, SweepAnswer } from '../../core/store.ts';
import { nothingNoted, restore, show } from './held-record.ts';
import { full, type RecordKeeping } from './record-keeping.ts';
import { withNote } from './record-rules.ts';

/** {@link Store.read}. */
export function read({ table, clock }: RecordKeeping, id: RecordId): StoredRecord | undefined {
  const now = clock.monotonicMs();
  const record = table.get(id, now);
  return record === undefined ? undefined : show(record, now);
}

/** {@link Store.put}. Throws `store_unavailable` when only records that must not go fill the bounds. */
export function put(keeping: RecordKeeping, stored: StoredRecord): { readonly kind: 'put' | 'kept' } {
  const { table, watchers, clock, bounds } = keeping;
  const now = clock.monotonicMs();
  const known = table.get(stored.id, now);
  if (known !== undefined && known.revision >= stored.revision) return { kind: 'kept' };
  if (!table.add(restore(stored, now))) throw full(bounds, 'other');
  watchers.tell(stored.id);
  return { kind: 'put' };
}

/** {@link Store.note}. */
export function note({ table, clock }: RecordKeeping, notes: readonly Note[]): void {
  const now = clock.monotonicMs();
  const nowMs = clock.nowMs();
  for (const one of notes) {
    const record = table.get(one.id, now);
    if (record === undefined) continue;
    table.alter(record, () => {
      record.noted = withNote(record.noted ?? nothingNoted, one, nowMs);
      record.lastSeenAtMs = nowMs;
    });
  }
}

/** {@link Store.sweep}. */
export function sweep({ table, clock }: RecordKeeping, limit: number): SweepAnswer {
  const now = clock.monotonicMs();
  const removed = table.removeEnded(now, limit);
  return { removed, more: table.hasEnded(now) };
}
