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
import type { Call } from './calls.ts';
import { writeOutcome } from './outcome.ts';
import { writeToken } from './packed.ts';
import {
  fingerprintOf,
  openRecord,
  outcomeOf,
  readRecord,
  readSteps,
  stateAt,
  wholeMs,
  writeDuration,
  writeFacts,
  writeStep,
} from './record.ts';

/** {@link Store.claim}. */
export function claim(ask: ClaimAsk): Call<ClaimAnswer> {
  const { id, token, labels, fingerprint } = ask;
  return {
    operation: 'claim',
    id,
    phase: 'claim',
    write(writer) {
      writer.number(wholeMs(ask.leaseMs), 6);
      writeDuration(writer, ask.keepMs);
      writer.number(ask.ifAbandoned === 'rerun' ? 1 : 0, 1);
      writeToken(writer, token);
      writer.piece(3, 'the labels', () => writeFacts(writer, labels, fingerprint));
    },
    read(answer, nowMs) {
      if (typeof answer === 'number') return { kind: 'granted', attempt: answer, steps: [] };
      if (Buffer.isBuffer(answer)) return refusal(id, answer, nowMs);
      const [attempt, steps] = answer as [number, Buffer];
      return { kind: 'granted', attempt, steps: readSteps(new ByteReader(steps)) };
    },
  };
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
export function extend(id: RecordId, token: Token, leaseMs: number): Call<ExtendAnswer> {
  return {
    operation: 'extend',
    id,
    phase: 'work',
    urgent: true,
    write(writer) {
      writer.number(wholeMs(leaseMs), 6);
      writeToken(writer, token);
    },
    read: (answer) => ({ kind: answer === 1 ? 'kept' : 'lost' }),
  };
}

/** {@link Store.complete}. */
export function complete({ id, token, outcome, retentionMs }: CompleteAsk): Call<CompleteAnswer> {
  return {
    operation: 'complete',
    id,
    phase: 'complete',
    write(writer) {
      writeDuration(writer, retentionMs);
      writeToken(writer, token);
      writeOutcome(writer, id, outcome);
    },
    read(answer, nowMs) {
      if (Array.isArray(answer)) return { kind: 'already', completedAtMs: Number(answer[0]) };
      return answer === 1 ? { kind: 'stored', completedAtMs: nowMs } : { kind: 'lost' };
    },
  };
}

/** {@link Store.release}. */
export function release(id: RecordId, token: Token, keepMs: DurationMs): Call<ReleaseAnswer> {
  return {
    operation: 'release',
    id,
    phase: 'complete',
    write(writer) {
      writeDuration(writer, keepMs);
      writeToken(writer, token);
    },
    read: (answer) => ({ kind: answer === 1 ? 'released' : 'lost' }),
  };
}

/** {@link Store.saveStep}. */
export function saveStep(id: RecordId, token: Token, step: SavedStep): Call<SaveStepAnswer> {
  return {
    operation: 'saveStep',
    id,
    phase: 'work',
    write(writer) {
      writeToken(writer, token);
      writeStep(writer, step);
    },
    read: (answer) => ({ kind: answer === 1 ? 'stored' : 'lost' }),
  };
}

/** {@link Store.read}. */
export function read(id: RecordId): Call<StoredRecord | undefined> {
  return {
    operation: 'read',
    id,
    phase: 'other',
    read(answer, nowMs) {
      if (answer === null) return undefined;
      const [record, leftMs] = answer as [Buffer, number];
      return readRecord(id, record, nowMs, leftMs < 0 ? null : leftMs);
    },
  };
}
