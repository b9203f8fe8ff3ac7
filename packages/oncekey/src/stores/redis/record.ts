/**
 * A record as the bytes of one string, written here and by the scripts, read here. What
 * is read back is checked before it is trusted: another version, a piece too short or an
 * outcome that does not match its checksum throws `record_unreadable` (I4), never "absent".
 *
 *     1 state · 4 attempt · 4 revision · 6 first seen · 6 end of the lease, or completed · 1+n token ·
 *     [owned: 6 keep] · 3+n facts · 2+n notes · steps, or the outcome
 *
 *     facts = 2+n (operation, scope) · 2+n fingerprint · key, owner, method, path, event id
 */
import type { Outcome } from '../../core/outcome.ts';
import type {
  ClaimAsk,
  DurationMs,
  Labels,
  RecordId,
  SavedStep,
  StoredRecord,
  TimelineEvent,
  Token,
} from '../../core/store.ts';
import { unreadable } from '../stored-form/checked-outcome.ts';
import { ByteReader, plain, type ByteWriter } from './bytes.ts';
import { readOutcome, writeOutcome } from './outcome.ts';
import { readFingerprint, readToken, writeFingerprint, writeToken } from './packed.ts';

/** The first byte of a record: the version of this layout (2) in its upper half, the state in its lower. */
export const stateBytes = { owned: 0x21, open: 0x22, completed: 0x23, erased: 0x24, fresh: 0x25 } as const;

/** The longest duration and the last instant that six bytes hold: some 8,900 years. */
const longestMs = 2 ** 47;
/** A longer detail of an event is cut. */
const longestDetail = 300;

const eventKinds = ['replay', 'conflict', 'resolved', 'erased'] as const;

/** A duration as it travels: one higher than it is, 0 for ever. Whole milliseconds, rounded up. */
export function writeDuration(writer: ByteWriter, durationMs: DurationMs): void {
  writer.number(durationMs === null ? 0 : wholeMs(durationMs) + 1, 6);
}

/** A duration in whole milliseconds. */
export function wholeMs(durationMs: number): number {
  return Math.min(Math.max(Math.ceil(durationMs), 0), longestMs);
}

/** Writes the facts of a record. */
export function writeFacts(writer: ByteWriter, labels: Labels, fingerprint: string | null): void {
  const from = writer.begin(3);
  const belonging = writer.begin(2);
  writer.text(labels.operation);
  for (const part of labels.scope) writer.text(part);
  writer.end(belonging, 2, 'scope and operation');
  writePersonalFacts(writer, labels, fingerprint);
  writer.end(from, 3, 'the labels');
}

/** Writes the facts that an erasure takes away. */
export function writePersonalFacts(writer: ByteWriter, labels: Labels, fingerprint: string | null): void {
  writeFingerprint(writer, fingerprint);
  const { key, owner, method, path, eventId } = labels;
  writer.text(key).text(owner).text(method).text(path).text(eventId);
}

/** Writes what a fresh record begins with, which is what its owner proves himself with. */
export function writeFreshHead(writer: ByteWriter, token: Token): void {
  writer.number(stateBytes.fresh, 1);
  writeToken(writer, token);
}

/**
 * Writes a record as a first claim makes it that knows nothing of the server's: attempt and revision are 1, and what the
 * clock says is in the key's expiry, which is `spanMs` after the claim and `keepMs` after the end of the lease. Only the
 * scripts see it; where anybody else asks they write it out.
 *
 *     1 fresh · 1+n token · 6 span · 6 keep · 3+n facts
 */
export function writeFresh(writer: ByteWriter, ask: ClaimAsk, spanMs: number, keepMs: number): void {
  writeFreshHead(writer, ask.token);
  writer.number(spanMs, 6).number(keepMs, 6);
  writeFacts(writer, ask.labels, ask.fingerprint);
}

/** Writes a step. */
export function writeStep(writer: ByteWriter, { name, bytes }: SavedStep): void {
  const from = writer.textPiece(name, 2, 'the name of a step').begin(4);
  writer.raw(bytes).end(from, 4, 'a step');
}

/** Writes what an event says, cut where it is too long. */
export function writeDetail(writer: ByteWriter, detail: string | null): void {
  writer.textPiece((detail ?? '').slice(0, longestDetail), 2, 'the detail of an event');
}

/** Writes a whole record; the lease counts from the instant 0 and is moved by the script. */
export function writeRecord(writer: ByteWriter, record: StoredRecord): void {
  const { state, labels, fingerprint, outcome } = record;
  const owned = state === 'in-progress' || state === 'abandoned';
  writer.number(owned ? stateBytes.owned : stateBytes[state], 1);
  writer.number(record.attempt, 4).number(record.revision, 4).number(record.firstSeenAtMs, 6);
  writer.number(owned ? wholeMs(record.leaseLeftMs ?? 0) : (record.completedAtMs ?? 0), 6);
  writeToken(writer, record.token ?? '');
  if (owned) writeDuration(writer, record.retentionLeftMs);
  writeFacts(writer, labels, fingerprint);
  const notes = writer.begin(2);
  writeNotes(writer, record);
  writer.end(notes, 2, 'what was noted');
  if (outcome !== null) writeOutcome(writer, record.id, outcome);
  else for (const step of record.steps) writeStep(writer, step);
}

function writeNotes(writer: ByteWriter, record: StoredRecord): void {
  const { conflictFingerprints, timeline, lastSeenAtMs, firstSeenAtMs, replayCount, conflictCount } = record;
  if (replayCount + conflictCount + timeline.length === 0 && lastSeenAtMs === firstSeenAtMs) return;
  writer.number(lastSeenAtMs, 6).number(replayCount, 4).number(conflictCount, 4);
  writer.number(conflictFingerprints.length, 1).number(timeline.length, 1);
  for (const fingerprint of conflictFingerprints) writeFingerprint(writer, fingerprint);
  for (const { atMs, what, detail } of timeline) {
    writer.number(atMs, 6).number(eventKinds.indexOf(what), 1);
    writeDetail(writer, detail);
  }
}

/** The pieces of a record that decide, and `rest`: notes, then steps or outcome. */
export interface Opened {
  readonly state: Exclude<keyof typeof stateBytes, 'fresh'>;
  readonly attempt: number;
  readonly revision: number;
  readonly firstSeenAtMs: number;
  /** End of the lease while owned; else when it was completed, 0 when it was not. */
  readonly atMs: number;
  readonly token: Buffer;
  readonly facts: ByteReader;
  readonly rest: ByteReader;
}

/** Opens a record. Throws `record_unreadable`. */
export function openRecord(bytes: Buffer): Opened {
  const rest = new ByteReader(bytes);
  const state = stateOf(rest.number(1));
  const attempt = rest.number(4);
  const revision = rest.number(4);
  const firstSeenAtMs = rest.number(6);
  const atMs = rest.number(6);
  const token = rest.piece(1);
  if (state === 'owned') rest.number(6);
  const facts = new ByteReader(rest.piece(3));
  return { state, attempt, revision, firstSeenAtMs, atMs, token, facts, rest };
}

function stateOf(byte: number): Opened['state'] {
  for (const state of ['owned', 'open', 'completed', 'erased'] as const) {
    if (stateBytes[state] === byte) return state;
  }
  throw unreadable('it was written by a newer version, or by something else');
}

/** The fingerprint of an opened record whose facts were not read yet. */
export function fingerprintOf({ facts }: Opened): string | null {
  facts.piece(2);
  return readFingerprint(facts.piece(2));
}

/** The outcome of an opened record of which nothing but the fingerprint was read yet. */
export function outcomeOf(id: RecordId, { rest }: Opened): Outcome {
  rest.piece(2);
  return readOutcome(id, rest);
}

/** Steps up to the end of what is read. */
export function readSteps(reader: ByteReader): SavedStep[] {
  const steps: SavedStep[] = [];
  while (!reader.ended) {
    const name = reader.piece(2).toString('utf8');
    steps.push({ name, bytes: plain(reader.piece(4)) });
  }
  return steps;
}

/** What a search looks at, of a record that may end after its facts. */
export function readLabels({ facts }: Opened): { labels: Labels; fingerprint: string | null } {
  const belonging = new ByteReader(facts.piece(2));
  const operation = belonging.text();
  const scope: string[] = [];
  while (!belonging.ended) scope.push(belonging.text() ?? '');
  const fingerprint = readFingerprint(facts.piece(2));
  const key = facts.text() ?? '';
  const [owner, method, path, eventId] = [facts.text(), facts.text(), facts.text(), facts.text()];
  return { labels: { scope, operation, key, owner, method, path, eventId }, fingerprint };
}

/** The state by the server's clock. */
export function stateAt({ state, atMs }: Pick<Opened, 'state' | 'atMs'>, nowMs: number): StoredRecord['state'] {
  if (state !== 'owned') return state;
  return atMs > nowMs ? 'in-progress' : 'abandoned';
}

/** The whole record at the server's `nowMs`; `leftMs` is how long the server will keep it, null for ever. */
export function readRecord(id: RecordId, bytes: Buffer, nowMs: number, leftMs: DurationMs): StoredRecord {
  const opened = openRecord(bytes);
  const { attempt, revision, firstSeenAtMs, atMs, rest } = opened;
  const state = stateAt(opened, nowMs);
  const isDone = opened.state === 'completed' || opened.state === 'erased';
  const notes = readNotes(new ByteReader(rest.piece(2)), firstSeenAtMs);
  return {
    id,
    state,
    attempt,
    token: readToken(opened.token),
    revision,
    leaseLeftMs: state === 'in-progress' ? atMs - nowMs : null,
    retentionLeftMs: state === 'in-progress' ? null : leftMs,
    ...readLabels(opened),
    outcome: isDone ? readOutcome(id, rest) : null,
    steps: isDone ? [] : readSteps(rest),
    firstSeenAtMs,
    completedAtMs: isDone ? atMs : null,
    ...notes,
  };
}

type Notes = Pick<StoredRecord, 'lastSeenAtMs' | 'replayCount' | 'conflictCount' | 'conflictFingerprints' | 'timeline'>;

function readNotes(reader: ByteReader, firstSeenAtMs: number): Notes {
  if (reader.ended) {
    return {
      lastSeenAtMs: firstSeenAtMs,
      replayCount: 0,
      conflictCount: 0,
      conflictFingerprints: [],
      timeline: [],
    };
  }
  const lastSeenAtMs = reader.number(6);
  const [replayCount, conflictCount] = [reader.number(4), reader.number(4)];
  const [fingerprints, events] = [reader.number(1), reader.number(1)];
  const conflictFingerprints = Array.from({ length: fingerprints }, () => readFingerprint(reader.piece(2)) ?? '');
  const timeline = Array.from({ length: events }, () => readEvent(reader));
  return { lastSeenAtMs, replayCount, conflictCount, conflictFingerprints, timeline };
}

function readEvent(reader: ByteReader): TimelineEvent {
  const atMs = reader.number(6);
  const what = eventKinds[reader.number(1)];
  if (what === undefined) throw unreadable('an event is of no known kind');
  const detail = reader.piece(2).toString('utf8');
  return { atMs, what, detail: detail === '' ? null : detail };
}
