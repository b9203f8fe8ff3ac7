/**
 * What owners ask of the script, and what its answers mean. Who owns is decided on the
 * server; here it is only told (I1–I3, I6).
 */
import type {
  ClaimAnswer,
  ClaimAsk,
  CompleteAnswer,
  CompleteAsk,
  DurationMs,
  ExtendAnswer,
  RecordId,
  ReleaseAnswer,
  SavedStep,
  SaveStepAnswer,
  StoredRecord,
  Token,
} from '../../core/store.ts';
import { ByteReader } from './bytes.ts';
import type { Asked, Operation } from './calls.ts';
import { writeOutcome } from './outcome.ts';
import { writeToken } from './packed.ts';
import {
  fingerprintOf,
  openRecord,
  outcomeOf,
  readRecord,
  readSteps,
  stateAt,
  stateBytes,
  wholeMs,
  writeDuration,
  writeFacts,
  writeStep,
} from './record.ts';
import { codes } from './script.ts';

/** What an owner asks. */
export interface OwnerAsk extends Asked {
  readonly token: Token;
}

/** {@link Store.claim}. */
export const claim: Operation<ClaimAsk, ClaimAnswer> = {
  code: codes.claim,
  phase: 'claim',
  write(writer, { leaseMs, keepMs, ifAbandoned, token, labels, fingerprint }) {
    writer.number(wholeMs(leaseMs), 6);
    writeDuration(writer, keepMs);
    writer.number(ifAbandoned === 'rerun' ? 1 : 0, 1);
    writeToken(writer, token);
    writeFacts(writer, labels, fingerprint);
  },
  read(answer, nowMs, { id }) {
    if (typeof answer === 'number') return { kind: 'granted', attempt: answer, steps: [] };
    if (Buffer.isBuffer(answer)) return refusal(id, answer, nowMs);
    const [attempt, steps] = answer as [number, Buffer];
    return { kind: 'granted', attempt, steps: readSteps(new ByteReader(steps)) };
  },
};

/** What a claim of a finished record is answered; undefined when there is more to decide. Throws `record_unreadable`. */
export function finished(id: RecordId, record: Buffer): ClaimAnswer | undefined {
  const isFinished = record[0] === stateBytes.completed || record[0] === stateBytes.erased;
  return isFinished ? refusal(id, record, 0) : undefined;
}

function refusal(id: RecordId, record: Buffer, nowMs: number): ClaimAnswer {
  const opened = openRecord(record);
  const { attempt, atMs } = opened;
  const fingerprint = fingerprintOf(opened);
  switch (stateAt(opened, nowMs)) {
    case 'in-progress':
      return { kind: 'in-progress', fingerprint, attempt, leaseLeftMs: atMs - nowMs };
    case 'abandoned':
    case 'open':
      return { kind: 'abandoned', fingerprint, attempt };
    case 'completed':
    case 'erased':
      return { kind: 'completed', fingerprint, attempt, completedAtMs: atMs, outcome: outcomeOf(id, opened) };
  }
}

/** {@link Store.extend}. */
export const extend: Operation<OwnerAsk & { readonly leaseMs: number }, ExtendAnswer> = {
  code: codes.extend,
  phase: 'work',
  urgent: true,
  write(writer, { leaseMs, token }) {
    writer.number(wholeMs(leaseMs), 6);
    writeToken(writer, token);
  },
  read: (answer) => ({ kind: answer === 1 ? 'kept' : 'lost' }),
};

/** {@link Store.complete}. */
export const complete: Operation<CompleteAsk, CompleteAnswer> = {
  code: codes.complete,
  phase: 'complete',
  bytesOf: ({ outcome }) => ('body' in outcome ? outcome.body.byteLength : 0),
  write(writer, { id, token, outcome, retentionMs }) {
    writeDuration(writer, retentionMs);
    writeToken(writer, token);
    writeOutcome(writer, id, outcome);
  },
  read(answer, nowMs) {
    if (Array.isArray(answer)) return { kind: 'already', completedAtMs: Number(answer[0]) };
    return answer === 1 ? { kind: 'stored', completedAtMs: nowMs } : { kind: 'lost' };
  },
};

/** {@link Store.release}. */
export const release: Operation<OwnerAsk & { readonly keepMs: DurationMs }, ReleaseAnswer> = {
  code: codes.release,
  phase: 'complete',
  write(writer, { keepMs, token }) {
    writeDuration(writer, keepMs);
    writeToken(writer, token);
  },
  read: (answer) => ({ kind: answer === 1 ? 'released' : 'lost' }),
};

/** {@link Store.saveStep}. */
export const saveStep: Operation<OwnerAsk & { readonly step: SavedStep }, SaveStepAnswer> = {
  code: codes.saveStep,
  phase: 'work',
  bytesOf: ({ step }) => step.bytes.byteLength,
  write(writer, { token, step }) {
    writeToken(writer, token);
    writeStep(writer, step);
  },
  read: (answer) => ({ kind: answer === 1 ? 'stored' : 'lost' }),
};

/** {@link Store.read}. */
export const read: Operation<Asked, StoredRecord | undefined> = {
  code: codes.read,
  phase: 'other',
  read(answer, nowMs, { id }) {
    if (answer === null) return undefined;
    const [record, leftMs] = answer as [Buffer, number];
    return readRecord(id, record, nowMs, leftMs < 0 ? null : leftMs);
  },
};
