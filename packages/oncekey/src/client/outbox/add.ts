/**
 * Adds entries: kept, with their key, before anything is sent (I16). Adding is itself safe to
 * repeat: the same request under the same id is the same entry.
 */
import { ClientError } from '../errors.ts';
import { usableKey } from '../key.ts';
import { coalesceNote, entryOf, type Box } from './box.ts';
import { decodeEntry, encodeEntry, newEntry, type Entry, type EntryData } from './entry.ts';
import { invalid, plainRequest, printOf, templateOf, type NewEntry } from './request.ts';
import type { Commit } from './storage.ts';
import { refsOf } from './template.ts';

const triesMax = 5;

/** Adds the entry; answers it once it is kept. */
export async function addEntry(box: Box, given: NewEntry): Promise<Entry> {
  const { settings } = box;
  const id = checkedName('id', given.id ?? settings.newKey());
  const lane = checkedName('lane', given.lane ?? 'main');
  const data = dataOf(box, given);
  await checkNeeds(box, id, data.needs);
  for (let tries = 0; tries < triesMax; tries += 1) {
    const earlier = data.coalesce === null ? undefined : await unsent(box, lane, data.coalesce);
    const entry = earlier === undefined ? await insert(box, id, lane, data) : await replace(box, earlier, data);
    if (entry !== undefined) return entry;
  }
  throw invalid('coalesce', 'the entry to replace keeps changing; add it without');
}

function dataOf({ settings }: Box, given: NewEntry): EntryData {
  const request = templateOf(plainRequest(given, settings.baseUrl));
  return {
    ...newEntry(settings.clock.nowMs()),
    version: settings.version,
    key: usableKey(given.key ?? settings.newKey()),
    request,
    print: printOf(request),
    needs: [...new Set([...refsOf(request), ...(given.after ?? [])])],
    idFrom: given.idFrom ?? null,
    coalesce: given.coalesce ?? null,
    meta: given.meta ?? null,
  };
}

async function checkNeeds({ settings }: Box, id: string, needs: readonly string[]): Promise<void> {
  for (const need of needs) {
    if (need === id) throw invalid('request', 'it refers to itself');
    if ((await settings.storage.read(need)) === undefined) {
      throw invalid('request', `it refers to ${need}, and there is no such entry`);
    }
  }
}

async function insert(box: Box, id: string, lane: string, data: EntryData): Promise<Entry | undefined> {
  const { storage, maxEntries, maxBytes } = box.settings;
  const text = encodeEntry(data);
  const note = data.coalesce === null ? undefined : { name: coalesceNote(lane, data.coalesce), value: id };
  const commit: Commit = {
    rows: [{ id, lane, state: 'open', data: text, seen: 0 }],
    limits: { entries: maxEntries, bytes: maxBytes },
    ...(note !== undefined && { notes: [note] }),
  };
  const answer = await storage.commit(commit);
  if (answer.kind === 'conflict') return known(box, id, data);
  if (answer.kind === 'full') throw full(box, answer.limit);
  box.tell({ kind: 'added', id });
  return answer.rows.map((row) => entryOf(box, row))[0];
}

function full({ settings }: Box, limit: 'entries' | 'bytes'): ClientError {
  const max = limit === 'entries' ? settings.maxEntries : settings.maxBytes;
  return new ClientError('outbox_full', `the outbox holds all it may (${max} ${limit}); drain it, or raise the limit`, {
    limit,
    max,
  });
}

/** The same intent was added before, perhaps by a page that did not live to hear of it. */
async function known(box: Box, id: string, data: EntryData): Promise<Entry | undefined> {
  const row = await box.settings.storage.read(id);
  if (row === undefined) return undefined;
  const entry = entryOf(box, row);
  if (entry.print === data.print) return entry;
  throw invalid('id', `${id} is the id of another entry; give each thing an id of its own`);
}

async function unsent(box: Box, lane: string, name: string): Promise<Entry | undefined> {
  const id = await box.settings.storage.note(coalesceNote(lane, name));
  const row = id === undefined ? undefined : await box.settings.storage.read(id);
  const entry = row === undefined ? undefined : decodeEntry(row);
  return entry?.state === 'open' && entry.sends === 0 ? entry : undefined;
}

/** In the earlier one's place, under its id and key: neither was ever sent. */
async function replace(box: Box, earlier: Entry, data: EntryData): Promise<Entry | undefined> {
  const { id, lane, key, addedAtMs, revision } = earlier;
  const text = encodeEntry({ ...data, key, addedAtMs });
  const answer = await box.settings.storage.commit({ rows: [{ id, lane, state: 'open', data: text, seen: revision }] });
  if (answer.kind !== 'stored') return undefined;
  box.tell({ kind: 'coalesced', id });
  return answer.rows.map((row) => entryOf(box, row))[0];
}

function checkedName(field: string, value: unknown): string {
  if (typeof value === 'string' && value.trim() !== '' && value.length <= 255) return value;
  throw invalid(field, 'give text of 1 to 255 characters');
}
