/**
 * What a person can do with an entry: take it back before it was sent, and, once it has
 * stopped, send it again, change it, settle it by hand or discard it. A key changes only
 * when it is known that nothing took effect, or when somebody takes that upon himself.
 */
import { ClientError } from '../errors.ts';
import { entryOf, keep, missing, type Box } from './box.ts';
import { neverSent, type Entry, type EntryData, type OutboxResult } from './entry.ts';
import { plainOf, printOf, templateOf, type PlainRequest } from './request.ts';
import type { RowState } from './storage.ts';
import { refsOf, type ServerId } from './template.ts';

/** Says that a second effect is accepted. */
export interface Anyway {
  /** Do it although the entry may have taken effect. Default false. */
  readonly evenIfItTookEffect?: boolean;
}

/**
 * Sends a dead entry again: with a new key when it is known that nothing took effect (its old key would get the old
 * refusal), else with the same key and bytes. Throws `effect_unknown` for an entry the server no longer remembers.
 */
export async function retryEntry(box: Box, id: string, { evenIfItTookEffect = false }: Anyway = {}): Promise<void> {
  const entry = await sendable(box, id, ['dead']);
  if (entry.failure?.reason === 'too_old' && !evenIfItTookEffect) throw effectUnknown(id);
  const fresh = entry.failure?.effect === 'none' || evenIfItTookEffect;
  const again: Partial<EntryData> = { refusals: 0, dueAtMs: 0, failure: null };
  await change(box, entry, { state: 'open', ...(fresh ? { ...neverSent, key: box.settings.newKey() } : again) });
}

/** Changes a dead or not yet sent entry and sends it; with a new key. Throws `effect_unknown` unless nothing took effect. */
export async function editEntry(
  box: Box,
  id: string,
  edit: (request: PlainRequest) => PlainRequest,
  { evenIfItTookEffect = false }: Anyway = {},
): Promise<void> {
  const entry = await sendable(box, id, ['dead', 'open', 'parked']);
  const stopped = entry.state === 'dead';
  if (!stopped && entry.sends > 0) throw wrongState(entry);
  if (stopped && entry.failure?.effect !== 'none' && !evenIfItTookEffect) throw effectUnknown(id);
  const request = templateOf(edit(plainOf(entry.request)));
  const before = refsOf(entry.request);
  const needs = refsOf(
    request,
    entry.needs.filter((need) => !before.includes(need)),
  );
  const key = stopped ? box.settings.newKey() : entry.key;
  await change(box, entry, { state: 'open', ...neverSent, key, request, needs, print: printOf(request) });
}

/** Takes a dead entry as done: somebody has looked and it took effect, or it does not matter any more. */
export async function settleEntry(box: Box, id: string, serverId: ServerId | null = null): Promise<void> {
  const entry = await inState(box, id, ['dead']);
  const atMs = box.settings.clock.nowMs();
  const result: OutboxResult = { status: 0, headers: {}, body: null, serverId, replayed: false, atMs };
  await change(box, entry, { state: 'done', failure: null, result });
  box.tell({ kind: 'done', id, result });
}

/** Removes a stopped or parked entry for good; what refers to it stops, too. */
export async function discardEntry(box: Box, id: string): Promise<void> {
  await remove(box, await inState(box, id, ['dead', 'parked']));
}

/** Removes an entry that was never sent. Throws `entry_state` when it may have been. */
export async function cancelEntry(box: Box, id: string): Promise<void> {
  const entry = await inState(box, id, ['open', 'parked']);
  if (entry.sends > 0) throw wrongState(entry);
  await remove(box, entry);
}

async function change(box: Box, entry: Entry, to: Parameters<typeof keep>[2]): Promise<void> {
  if ((await keep(box, entry, to)) === undefined) throw wrongState(entry);
  await unparkAll(box);
}

async function remove(box: Box, entry: Entry): Promise<void> {
  const answer = await box.settings.storage.commit({ removed: [{ id: entry.id, seen: entry.revision }] });
  if (answer.kind !== 'stored') throw wrongState(entry);
  await unparkAll(box);
}

/** Parked entries are looked at anew; those that still stand behind a dead one park again. */
async function unparkAll(box: Box): Promise<void> {
  box.tell();
  const { storage } = box.settings;
  for (let after = 0; ;) {
    const rows = await storage.list('parked', after, 100);
    for (const row of rows) {
      // Who loses here was changed by somebody else, who does the same.
      await storage.commit({ rows: [{ ...row, state: 'open', seen: row.revision }] });
    }
    if (rows.length < 100) return;
    after = rows.at(-1)?.seq ?? after;
  }
}

async function sendable(box: Box, id: string, states: readonly RowState[]): Promise<Entry> {
  const entry = await inState(box, id, states);
  // The stand-in of a damaged entry has no key; one that could not be upgraded has.
  if (entry.key === '') throw wrongState(entry);
  return entry;
}

async function inState(box: Box, id: string, states: readonly RowState[]): Promise<Entry> {
  const row = await box.settings.storage.read(id);
  if (row === undefined) throw missing(id, 'entry_unknown');
  const entry = entryOf(box, row);
  if (!states.includes(entry.state)) throw wrongState(entry);
  return entry;
}

function wrongState({ id, state, sends }: Entry): ClientError {
  const now = state === 'open' && sends > 0 ? 'sent' : state;
  return new ClientError('entry_state', `not with the entry ${id}: it is ${now}`, { id, state: now });
}

function effectUnknown(id: string): ClientError {
  const message = `the entry ${id} may have taken effect; look, then settle it`;
  return new ClientError('effect_unknown', message, { id });
}
