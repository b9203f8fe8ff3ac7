/**
 * A finished record as one string. Nearly all records of a store are finished ones that
 * nobody asks for again: as one string each they cost half the memory of objects, hold on
 * to nothing of the request they came from, and the collector of garbage has one thing to
 * move instead of twenty. What a retry needs is read without the rest. Records with a
 * history (taken over, noted, erased) or with a large body stay objects: they are few.
 */
import type { HeaderLine } from '../../core/outcome.ts';
import type { Completed, Labels, RecordId } from '../../core/store.ts';
import { flatCount, FlatReader, flatText } from './flat-text.ts';
import { giveOutcome } from './held-outcome.ts';
import { HeldRecord } from './held-record.ts';
import { packOutcome, readOutcome } from './packed-outcome.ts';
import type { RecentLines } from './recent-lines.ts';

/** A packed record: its string, and the head of its answer when other records have the same. */
export interface Packed {
  readonly text: string;
  readonly lines: readonly HeaderLine[] | null;
}

/** What stands beside it: the id, and the numbers, which cost no objects in columns of numbers. */
export interface PackedFacts {
  readonly id: RecordId;
  readonly slot: number;
  readonly endsAt: number;
  readonly firstSeenAtMs: number;
  readonly completedAtMs: number;
}

/** Measured: the headers of id and string, the place in the map, the queue and the columns. */
const packedBytes = 192;
const wideCharacter = /[^\0-\xff]/;

/** The record packed, or null when it has what the string has no place for. */
export function packRecord(record: HeldRecord, recent: RecentLines): Packed | null {
  const { outcome } = record;
  if (outcome === null || !isPlain(record)) return null;
  const lines = outcome.kind === 'answer' ? recent.shared(outcome.headers) : null;
  const packedOutcome = packOutcome(outcome, lines);
  if (packedOutcome === null) return null;
  return { text: flatText(record.fingerprint) + flatText(packLabels(record)) + packedOutcome, lines };
}

function packLabels({ token, labels }: HeldRecord): string {
  const { scope, operation, key, owner, method, path, eventId } = labels;
  let text = flatText(token) + flatText(operation) + flatText(key) + flatText(owner);
  text += flatText(method) + flatText(path) + flatText(eventId) + flatCount(scope.length);
  for (const part of scope) text += flatText(part);
  return text;
}

/** Completed by its first owner, and nothing has happened to it since. */
function isPlain(record: HeldRecord): boolean {
  return (
    record.stage === 'completed' &&
    record.completedAtMs !== null &&
    record.attempt === 1 &&
    record.revision === 2 &&
    record.lastSeenAtMs === null &&
    record.steps === null &&
    record.noted === null
  );
}

/** Estimated bytes that a packed record takes; a character beyond Latin-1 doubles all of them. */
export function weighPacked(id: RecordId, text: string): number {
  // The search also makes one piece of what an engine may keep as a tree of its parts.
  return packedBytes + id.length + text.length * (wideCharacter.test(text) ? 2 : 1);
}

/** What a claim is told of a packed record. */
export function answerOfPacked({ text, lines }: Packed, completedAtMs: number): Completed {
  const reader = new FlatReader(text);
  const fingerprint = reader.textOrNull();
  reader.skip();
  const outcome = giveOutcome(readOutcome(reader, lines));
  return { kind: 'completed', fingerprint, attempt: 1, completedAtMs, outcome };
}

/** The labels alone. */
export function labelsOfPacked(text: string): Labels {
  const reader = new FlatReader(text);
  reader.skip();
  reader.enter();
  reader.skip();
  return readLabels(reader);
}

/** The record as an object again, to be read or changed. */
export function unpackRecord({ text, lines }: Packed, facts: PackedFacts): HeldRecord {
  const reader = new FlatReader(text);
  const fingerprint = standingAlone(reader.textOrNull());
  reader.enter();
  const token = reader.textOrNull();
  const labels = readLabels(reader);
  const { id, firstSeenAtMs } = facts;
  const ask = { id, token: token ?? '', fingerprint, labels, leaseMs: 0, keepMs: null, ifAbandoned: 'hold' as const };
  const record = new HeldRecord(ask, 0, firstSeenAtMs);
  record.token = token;
  record.stage = 'completed';
  record.revision = 2;
  record.outcome = readOutcome(reader, lines);
  record.slot = facts.slot;
  record.endsAt = facts.endsAt;
  record.completedAtMs = facts.completedAtMs;
  return record;
}

/** A copy: a piece of the packed text is slower to compare, and a record that stays an object is asked for again. */
function standingAlone(text: string | null): string | null {
  return text === null ? null : String(JSON.parse(JSON.stringify(text)));
}

function readLabels(reader: FlatReader): Labels {
  const operation = reader.textOrNull();
  const key = reader.text();
  const owner = reader.textOrNull();
  const method = reader.textOrNull();
  const path = reader.textOrNull();
  const eventId = reader.textOrNull();
  const scope: string[] = [];
  for (let left = reader.count(); left > 0; left--) scope.push(reader.text());
  return { scope, operation, key, owner, method, path, eventId };
}
