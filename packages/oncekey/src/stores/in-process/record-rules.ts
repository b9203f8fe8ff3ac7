/**
 * The rules of a record that stores without a query language share: what an erased record
 * keeps (I14), how notes are bounded, what a search matches. Pure functions; no clock and
 * no state. Which fingerprints agree (I6) is the core's own rule.
 */
import type { Labels, ListAsk, Note, SavedStep, StoredRecord, TimelineEvent } from '../../core/store.ts';
import type { Noted } from './held-record.ts';

const timelineLimit = 32;
const conflictFingerprintLimit = 16;

/** What an erased record still says: to whom it belonged and which operation it was. */
export function labelsOfErased(labels: Labels): Labels {
  const { scope, operation } = labels;
  return { scope, operation, key: '', owner: null, method: null, path: null, eventId: null };
}

/** The timeline with one event more, the oldest dropped beyond 32. */
export function withEvent(timeline: readonly TimelineEvent[], event: TimelineEvent): readonly TimelineEvent[] {
  return [...timeline.slice(-(timelineLimit - 1)), event];
}

/** What is noted once `note` is added. */
export function withNote(noted: Noted, note: Note, atMs: number): Noted {
  if (note.kind === 'replay') {
    const timeline = withEvent(noted.timeline, { atMs, what: 'replay', detail: null });
    return { ...noted, replayCount: noted.replayCount + note.count, timeline };
  }
  const { fingerprint } = note;
  const known = noted.conflictFingerprints;
  const isNew = fingerprint !== null && known.length < conflictFingerprintLimit && !known.includes(fingerprint);
  return {
    ...noted,
    conflictCount: noted.conflictCount + 1,
    conflictFingerprints: isNew ? [...known, fingerprint] : known,
    timeline: withEvent(noted.timeline, { atMs, what: 'conflict', detail: fingerprint }),
  };
}

/** The steps with one more; a second save of a name replaces the first where it stands. */
export function withStep(steps: readonly SavedStep[], step: SavedStep): readonly SavedStep[] {
  const known = steps.some(({ name }) => name === step.name);
  return known ? steps.map((other) => (other.name === step.name ? step : other)) : [...steps, step];
}

/** A step that shares no bytes with the caller. */
export function ownStep({ name, bytes }: SavedStep): SavedStep {
  return { name, bytes: new Uint8Array(bytes) };
}

/** Throws a RangeError naming `limit` unless it is a whole number from 1 to 1000. */
export function checkListLimit(limit: number): void {
  if (Number.isInteger(limit) && limit >= 1 && limit <= 1000) return;
  throw new RangeError(`list: limit must be a whole number from 1 to 1000, not ${String(limit)}`);
}

/** What a search looks at. */
export type Searched = Pick<StoredRecord, 'labels' | 'state' | 'firstSeenAtMs'>;

/** Whether the record is one that `ask` looks for; `nowMs` is the store's Unix time. */
export function matches(ask: ListAsk, record: Searched, nowMs: number): boolean {
  return (
    (ask.state === undefined || ask.state === record.state) &&
    (ask.olderThanMs === undefined || record.firstSeenAtMs <= nowMs - ask.olderThanMs) &&
    labelsMatch(ask, record)
  );
}

/** Asks for the labels only when they matter: a store may have to read them from somewhere. */
function labelsMatch(ask: ListAsk, record: Searched): boolean {
  const { scope, operation, key, keyPrefix } = ask;
  if (scope === undefined && operation === undefined && key === undefined && keyPrefix === undefined) return true;
  const { labels } = record;
  return (
    (scope === undefined || sameScope(scope, labels.scope)) &&
    (operation === undefined || operation === labels.operation) &&
    (key === undefined || key === labels.key) &&
    (keyPrefix === undefined || labels.key.startsWith(keyPrefix))
  );
}

function sameScope(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((part, index) => part === other[index]);
}
