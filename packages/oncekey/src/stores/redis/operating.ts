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
import type { Asked, Operation } from './calls.ts';
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
import { codes } from './script.ts';

/** What a search looks at, and the server's time. */
export type Looked = Searched & { readonly id: RecordId; readonly nowMs: number };

/** What a search looks at of one record. */
export const look: Operation<Asked, Looked | undefined> = {
  code: codes.look,
  phase: 'other',
  read(answer, nowMs, { id }) {
    if (answer === null) return undefined;
    const opened = openRecord(answer as Buffer);
    const { firstSeenAtMs } = opened;
    return { id, nowMs, firstSeenAtMs, state: stateAt(opened, nowMs), labels: readLabels(opened).labels };
  },
};

/** {@link Store.put}. */
export const put: Operation<StoredRecord, { readonly kind: 'put' | 'kept' }> = {
  code: codes.put,
  phase: 'other',
  bytesOf: ({ outcome }) => (outcome !== null && 'body' in outcome ? outcome.body.byteLength : 0),
  write(writer, record) {
    const { retentionLeftMs, leaseLeftMs, revision } = record;
    writeDuration(writer, retentionLeftMs === null ? null : wholeMs(leaseLeftMs ?? 0) + wholeMs(retentionLeftMs));
    writer.number(revision, 4);
    writeRecord(writer, record);
  },
  read: (answer) => ({ kind: answer === 1 ? 'put' : 'kept' }),
};

/** One of the notes of {@link Store.note}. */
export const note: Operation<Note, void> = {
  code: codes.note,
  phase: 'other',
  write(writer, one) {
    const [what, count] = one.kind === 'replay' ? [0, one.count] : [1, 0];
    const fingerprint = one.kind === 'replay' ? null : one.fingerprint;
    writer.number(what, 1).number(count, 4);
    writeFingerprint(writer, fingerprint);
    writeDetail(writer, fingerprint);
  },
  read: () => {},
};

const never = 0xff_ff_ff_ff;

/** {@link Store.resolve}. */
export const resolve: Operation<ResolveAsk, ResolveAnswer> = {
  code: codes.resolve,
  phase: 'other',
  write(writer, { id, seenRevision, decision, by }) {
    const withOutcome = decision.kind === 'outcome';
    // No record has changed so often; nor is any at a number that does not fit.
    writer.number(seenRevision >= 0 && seenRevision < never ? seenRevision : never, 4);
    writeDuration(writer, withOutcome ? decision.retentionMs : decision.keepMs);
    writer.number(withOutcome ? 1 : 0, 1);
    writeDetail(writer, `${by}: ${decision.kind}`);
    if (withOutcome) writeOutcome(writer, id, decision.outcome);
  },
  read: (answer) => ({ kind: answer === 1 ? 'resolved' : answer === 0 ? 'changed' : 'absent' }),
};

/** {@link Store.erase}. */
export const erase: Operation<Asked & { readonly keepMs: DurationMs }, EraseAnswer> = {
  code: codes.erase,
  phase: 'other',
  write(writer, { id, keepMs }) {
    writeDuration(writer, keepMs);
    const from = writer.begin(2);
    writePersonalFacts(writer, noLabels, null);
    writer.end(from, 2, 'nothing');
    writeOutcome(writer, id, erasedOutcome);
  },
  read: (answer) => ({ kind: answer === 1 ? 'erased' : answer === 0 ? 'in-progress' : 'absent' }),
};
