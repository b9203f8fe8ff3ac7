/**
 * What is asked of the script beside ownership: warming and import, notes, what operators
 * decide (I15), erasing with a tombstone left behind (I14), a look for searches.
 */
import { erasedOutcome } from '../../core/outcome.ts';
import {
  noLabels,
  type DurationMs,
  type EraseAnswer,
  type Note,
  type RecordId,
  type ResolveAnswer,
  type ResolveAsk,
  type StoredRecord,
} from '../../core/store.ts';
import type { Searched } from '../in-process/record-rules.ts';
import type { Call } from './calls.ts';
import { writeOutcome } from './outcome.ts';
import { writeFingerprint } from './packed.ts';
import {
  openRecord,
  readLabels,
  stateAt,
  wholeMs,
  writeDetail,
  writeDuration,
  writePersonalFacts,
  writeRecord,
} from './record.ts';

/** What a search looks at, and the server's time. */
export type Looked = Searched & { readonly id: RecordId; readonly nowMs: number };

/** What a search looks at of one record. */
export function look(id: RecordId): Call<Looked | undefined> {
  return {
    operation: 'look',
    id,
    phase: 'other',
    read(answer, nowMs) {
      if (answer === null) return undefined;
      const opened = openRecord(answer as Buffer);
      const { firstSeenAtMs } = opened;
      return { id, nowMs, firstSeenAtMs, state: stateAt(opened, nowMs), labels: readLabels(opened).labels };
    },
  };
}

/** {@link Store.put}. */
export function put(record: StoredRecord): Call<{ readonly kind: 'put' | 'kept' }> {
  const { id, revision, retentionLeftMs, leaseLeftMs } = record;
  return {
    operation: 'put',
    id,
    phase: 'other',
    write(writer) {
      writeDuration(writer, retentionLeftMs === null ? null : wholeMs(leaseLeftMs ?? 0) + wholeMs(retentionLeftMs));
      writer.number(revision, 4);
      writeRecord(writer, record);
    },
    read: (answer) => ({ kind: answer === 1 ? 'put' : 'kept' }),
  };
}

/** One of the notes of {@link Store.note}. */
export function note(one: Note): Call<void> {
  return {
    operation: 'note',
    id: one.id,
    phase: 'other',
    write(writer) {
      const [what, count] = one.kind === 'replay' ? [0, one.count] : [1, 0];
      const fingerprint = one.kind === 'replay' ? null : one.fingerprint;
      writer.number(what, 1).number(count, 4);
      writeFingerprint(writer, fingerprint);
      writeDetail(writer, fingerprint);
    },
    read: () => {},
  };
}

/** {@link Store.resolve}. */
export function resolve({ id, seenRevision, decision, by }: ResolveAsk): Call<ResolveAnswer> {
  const withOutcome = decision.kind === 'outcome';
  return {
    operation: 'resolve',
    id,
    phase: 'other',
    write(writer) {
      writer.number(seenRevision, 4);
      writeDuration(writer, withOutcome ? decision.retentionMs : decision.keepMs);
      writer.number(withOutcome ? 1 : 0, 1);
      writeDetail(writer, `${by}: ${decision.kind}`);
      if (withOutcome) writeOutcome(writer, id, decision.outcome);
    },
    read: (answer) => ({ kind: answer === 1 ? 'resolved' : answer === 0 ? 'changed' : 'absent' }),
  };
}

/** {@link Store.erase}. */
export function erase(id: RecordId, keepMs: DurationMs): Call<EraseAnswer> {
  return {
    operation: 'erase',
    id,
    phase: 'other',
    write(writer) {
      writeDuration(writer, keepMs);
      writer.piece(2, 'nothing', () => writePersonalFacts(writer, noLabels, null));
      writeOutcome(writer, id, erasedOutcome);
    },
    read: (answer) => ({ kind: answer === 1 ? 'erased' : answer === 0 ? 'in-progress' : 'absent' }),
  };
}
