/**
 * Estimates how much memory a record takes, so that a bound in bytes means something.
 * An estimate, on the high side for ASCII text; it never decides what a record is.
 */
import type { Labels, SavedStep } from '../../core/store.ts';
import type { HeldBytes, HeldOutcome } from './held-outcome.ts';
import type { HeldRecord } from './held-record.ts';

/** Measured: an unfinished record itself, its place in the map and in a queue, and its numbers. */
const recordBytes = 512;
/** Measured: an array, its buffer and the bookkeeping of both. */
const bytesArrayBytes = 200;
const lineBytes = 64;

/** Estimated bytes of the record with all that hangs on it. */
export function weigh(record: HeldRecord): number {
  let bytes =
    recordBytes + record.id.length + length(record.token) + length(record.fingerprint) + ofLabels(record.labels);
  if (record.outcome !== null) bytes += weighOutcome(record.outcome);
  if (record.steps !== null) for (const step of record.steps) bytes += weighStep(step);
  if (record.noted !== null) {
    const { conflictFingerprints, timeline } = record.noted;
    for (const fingerprint of conflictFingerprints) bytes += fingerprint.length + lineBytes;
    for (const event of timeline) bytes += length(event.detail) + lineBytes;
  }
  return bytes;
}

/** Estimated bytes of one saved step. */
export function weighStep({ name, bytes }: SavedStep): number {
  return name.length + bytes.byteLength + bytesArrayBytes;
}

function length(text: string | null): number {
  return text === null ? 0 : text.length;
}

function ofLabels({ scope, operation, key, owner, method, path, eventId }: Labels): number {
  let bytes = length(operation) + key.length + length(owner) + length(method) + length(path) + length(eventId);
  for (const part of scope) bytes += part.length;
  return bytes;
}

/** Estimated bytes of an outcome. */
export function weighOutcome(outcome: HeldOutcome): number {
  switch (outcome.kind) {
    case 'answer':
      return ofLines(outcome.headers) + ofBytes(outcome.body);
    case 'value': {
      let bytes = ofBytes(outcome.body) + length(outcome.label);
      for (const { kind, id } of outcome.refs) bytes += kind.length + id.length + lineBytes;
      return outcome.details === null ? bytes : bytes + JSON.stringify(outcome.details).length;
    }
    case 'failure':
      return outcome.name.length + outcome.message.length + lineBytes;
    case 'not-kept':
      return ofLines(outcome.headers);
  }
}

function ofBytes(bytes: HeldBytes): number {
  return typeof bytes === 'string' ? bytes.length : bytes.byteLength + bytesArrayBytes;
}

function ofLines(lines: readonly (readonly [string, string])[]): number {
  let bytes = lineBytes;
  for (const [name, value] of lines) bytes += name.length + value.length + lineBytes;
  return bytes;
}
