/**
 * Adds entries: kept, with their key, before anything is sent (I16). Adding is itself safe to
 * repeat: the same request under the same id is the same entry.
 */
import { ClientError } from '../errors.ts';
import { usableKey } from '../key.ts';
import { coalesceNote, entryOf, type Box } from './box.ts';
import { decodeEntry, encodeEntry, newEntry, type Entry, type EntryData } from './entry.ts';
import { plainRequest, printOf, templateOf, type NewEntry } from './request.ts';
import type { Row } from './storage.ts';
import { invalid, refsOf } from './template.ts';

const triesMax = 5;

/** Adds the entry; answers it once it is kept. */
export async function addEntry(box: Box, given: NewEntry): Promise<Row> {
  const { settings } = box;
  const id = checkedName('id', given.id ?? settings.newKey());
  const lane = checkedName('lane', given.lane ?? 'main');
  const data = dataOf(box, given);
  await checkNeeds(box, id, data.needs);
  for (let tries = 0; tries < triesMax; tries += 1) {
    const earlier = data.coalesce === null ? undefined : await unsent(box, lane, data.coalesce);
    const row = await put(box, id, lane, data, earlier);
    if (row !== undefined) return row;
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
    needs: refsOf(request, given.after),
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

/** As a new entry, or in an earlier one's place under its id and key: neither was ever sent. Undefined: look again. */
async function put(box: Box, id: string, lane: string, data: EntryData, earlier?: Entry): Promise<Row | undefined> {
  const { storage, maxEntries, maxBytes } = box.settings;
  const kept = earlier === undefined ? data : { ...data, key: earlier.key, addedAtMs: earlier.addedAtMs };
  const place = earlier ?? { id, revision: 0 };
  const answer = await storage.commit({
    rows: [{ id: place.id, lane, state: 'open', data: encodeEntry(kept), seen: place.revision }],
    notes: data.coalesce === null ? [] : [{ name: coalesceNote(lane, data.coalesce), value: place.id }],
    limits: { entries: maxEntries, bytes: maxBytes },
  });
  if (answer.kind === 'full') throw full(box, answer.limit);
  if (answer.kind === 'conflict') return earlier === undefined ? known(box, id, data) : undefined;
  box.tell({ kind: earlier === undefined ? 'added' : 'coalesced', id: place.id });
  return answer.rows[0];
}

function full({ settings }: Box, limit: 'entries' | 'bytes'): ClientError {
  const max = limit === 'entries' ? settings.maxEntries : settings.maxBytes;
  const message = `the outbox holds all it may (${max} ${limit}); drain it, or raise the limit`;
  return new ClientError('outbox_full', message, { limit, max });
}

/** The same intent was added before, perhaps by a page that did not live to hear of it. */
async function known(box: Box, id: string, data: EntryData): Promise<Row | undefined> {
  const row = await box.settings.storage.read(id);
  if (row === undefined || entryOf(box, row).print === data.print) return row;
  throw invalid('id', `${id} is the id of another entry; give each thing an id of its own`);
}

async function unsent(box: Box, lane: string, name: string): Promise<Entry | undefined> {
  const { storage } = box.settings;
  const id = await storage.note(coalesceNote(lane, name));
  const row = id && (await storage.read(id));
  const entry = row ? decodeEntry(row) : undefined;
  return entry?.state === 'open' && entry.sends === 0 ? entry : undefined;
}

function checkedName(field: string, value: unknown): string {
  if (typeof value === 'string' && value.trim() !== '' && value.length <= 255) return value;
  throw invalid(field, 'give text of 1 to 255 characters');
}
