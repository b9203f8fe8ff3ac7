/** What the parts of one outbox share: its settings, whom to tell, and what it knows of the server. */
import { ClientError } from '../errors.ts';
import type { Entry, EntryData, Failure } from './entry.ts';
import { decodeEntry, encodeEntry, unreadableEntry } from './entry.ts';
import type { OutboxEvent } from './events.ts';
import type { Answer, Why } from './judge.ts';
import type { OutboxSettings } from './settings.ts';
import type { Row, RowState } from './storage.ts';

/** So much of the answer that stopped an entry is kept. */
const shownMax = 4096;

/** The inside of an outbox. */
export interface Box {
  readonly settings: OutboxSettings;
  /** Ids that this instance is sending now. */
  readonly sending: Set<string>;
  /** The lane at which the last pass gave up; the next one begins behind it, so that no lane starves. */
  resumeAfter: string | null;
  /** How long the server answers for a key, as far as is known. */
  retentionMs: number;
  /** Tells subscribers that something is otherwise, and the user what. */
  tell(event?: OutboxEvent): void;
}

/** There is no entry of this id, or no longer. */
export function missing(id: string, code: 'entry_unknown' | 'entry_gone'): ClientError {
  return new ClientError(code, `there is no entry ${id}`, { id });
}

/** The entry of a row, or a stand-in that tells that it cannot be read. */
export function entryOf({ settings }: Box, row: Row): Entry {
  return decodeEntry(row) ?? unreadableEntry(row, settings.clock.nowMs());
}

/** Keeps the entry as changed, if nobody else has changed it since. Undefined when somebody has. */
export async function keep(
  { settings }: Box,
  entry: Entry,
  change: Partial<EntryData> & { readonly state?: RowState },
): Promise<Entry | undefined> {
  const next = { ...entry, ...change };
  const { id, lane, state } = next;
  const forget = next.coalesce !== null && next.sends > 0 && entry.sends === 0;
  const answer = await settings.storage.commit({
    rows: [{ id, lane, state, data: encodeEntry(next), seen: entry.revision }],
    // Once sent, nothing may take its place any more.
    ...(forget && { notes: [{ name: coalesceNote(lane, next.coalesce ?? ''), value: null }] }),
  });
  const [row] = answer.kind === 'stored' ? answer.rows : [];
  return row === undefined ? undefined : { ...next, revision: row.revision };
}

/** Stops the entry for a person, with the answer that did it. */
export async function bury(box: Box, entry: Entry, why: Why, answer?: Answer): Promise<void> {
  const { status = null, body } = answer ?? {};
  const atMs = box.settings.clock.nowMs();
  const whole: Failure = { ...why, status, body: body?.slice(0, shownMax) ?? null, atMs };
  const kept = await keep(box, entry, { state: 'dead', failure: whole });
  if (kept !== undefined) box.tell({ kind: 'dead', id: entry.id, failure: whole });
}

/** Stops a row whose text is no entry; the text stays as it is, for a person. */
export async function buryDamaged(box: Box, row: Row): Promise<void> {
  const answer = await box.settings.storage.commit({ rows: [{ ...row, state: 'dead', seen: row.revision }] });
  const { failure } = entryOf(box, row);
  if (answer.kind === 'stored' && failure !== null) box.tell({ kind: 'dead', id: row.id, failure });
}

/** Where it is noted which entry bears a coalescing name. */
export function coalesceNote(lane: string, name: string): string {
  return `coalesce:${JSON.stringify([lane, name])}`;
}
