/**
 * One step of one lane: looks at its first open entry, and freezes, sends and settles it.
 * The order of its writes is the promise (I16): the key is kept before the first sending,
 * the frozen request and the count before each one, the outcome after its answer.
 */
import { retentionHeaderName } from '../../protocol.ts';
import { backoffMs, retryAfterMs } from '../backoff.ts';
import { ClientError } from '../errors.ts';
import { bury, buryDamaged, keep, type Box } from './box.ts';
import { decodeEntry, type Entry } from './entry.ts';
import type { LaterReason } from './events.ts';
import { judge, type Answer } from './judge.ts';
import { lookUpNeeds } from './needs.ts';
import { plainOf, printOf, templateOf } from './request.ts';
import { resultOf } from './result.ts';
import { credentialsFor, sendEntry } from './send.ts';
import type { Held } from './turn.ts';
import { freeze, refsOf, type ServerId } from './template.ts';

/**
 * `moved`: look again; `rest`: nothing to do in this lane before `untilMs` (null: until something else happens).
 * `shared`: what stopped it would stop other lanes, too.
 */
export type Step =
  | { readonly kind: 'moved' }
  | { readonly kind: 'rest'; readonly untilMs: number | null; readonly shared: boolean };

const moved: Step = { kind: 'moved' };
const idle: Step = { kind: 'rest', untilMs: null, shared: false };

/** Where the server's advertised retention is noted, in milliseconds. */
export const retentionNote = 'retention';

/** Takes one step in the lane. */
export async function stepLane(box: Box, lane: string, held: Held): Promise<Step> {
  const { storage, version } = box.settings;
  const row = await storage.head(lane);
  if (row === undefined || !held.valid()) return idle;
  const read = decodeEntry(row);
  if (read === undefined) {
    await buryDamaged(box, row);
    return moved;
  }
  // Added by a newer program, in a tab that was loaded later: that one knows how to send it.
  if (read.version > version) return idle;
  const entry = read.version < version && read.sends === 0 ? await upgraded(box, read) : read;
  return entry === undefined ? moved : stepEntry(box, entry, held);
}

async function stepEntry(box: Box, entry: Entry, held: Held): Promise<Step> {
  const { clock, maxDelayMs, maxRetryAfterMs, attemptTimeoutMs } = box.settings;
  const nowMs = clock.nowMs();
  // A wait that is longer than any we make was written before the clock was set back.
  const waits = entry.dueAtMs > nowMs && entry.dueAtMs - nowMs <= maxDelayMs + maxRetryAfterMs;
  if (waits) return { kind: 'rest', untilMs: entry.dueAtMs, shared: false };
  if (entry.firstSentAtMs !== null && nowMs - entry.firstSentAtMs > box.retentionMs - attemptTimeoutMs) {
    const detail = 'the server no longer remembers its key';
    await bury(box, entry, { reason: 'too_old', effect: 'unknown', detail });
    return moved;
  }
  // Once sent, all is resolved and frozen.
  if (entry.sends > 0) return deliver(box, entry, new Map(), held);
  const needs = await lookUpNeeds(box.settings.storage, entry);
  switch (needs.kind) {
    case 'wait':
      return idle;
    case 'park':
      if ((await keep(box, entry, { state: 'parked' })) !== undefined)
        box.tell({ kind: 'parked', id: entry.id, behind: needs.on });
      return moved;
    case 'missing': {
      const detail = `it refers to ${needs.on}, which was discarded or has no server id`;
      await bury(box, entry, { reason: 'ref_missing', effect: 'none', detail });
      return moved;
    }
    case 'ready':
      return deliver(box, entry, needs.ids, held);
  }
}

async function deliver(box: Box, entry: Entry, ids: ReadonlyMap<string, ServerId>, held: Held): Promise<Step> {
  const credentials = await credentialsFor(box.settings, entry);
  if (credentials === undefined) {
    return later(box, entry, 'credentials');
  }
  const marked = await markSent(box, entry, ids);
  if (marked === undefined) return moved;
  // Between keeping and sending this tab may have been frozen for a day.
  if (!held.valid()) return idle;
  box.sending.add(entry.id);
  box.tell({ kind: 'sent', id: entry.id });
  try {
    const answer = await sendEntry(box.settings, marked, credentials);
    return await (answer === undefined ? later(box, marked, 'unreachable') : settle(box, marked, answer));
  } finally {
    box.sending.delete(entry.id);
  }
}

/** Keeps that it is being sent, and what: frozen at the first time, the same ever after. */
async function markSent(box: Box, entry: Entry, ids: ReadonlyMap<string, ServerId>): Promise<Entry | undefined> {
  try {
    const resolves = entry.frozen === null && refsOf(entry.request).length > 0;
    return await keep(box, entry, {
      sends: entry.sends + 1,
      firstSentAtMs: entry.firstSentAtMs ?? box.settings.clock.nowMs(),
      ...(resolves && { frozen: freeze(entry.request, ids) }),
    });
  } catch (error) {
    if (!ClientError.is(error, 'entry_invalid')) throw error;
    await bury(box, entry, { reason: 'ref_missing', effect: 'none', detail: error.details.reason });
    return undefined;
  }
}

async function settle(box: Box, entry: Entry, answer: Answer): Promise<Step> {
  const judgement = await judge(box.settings, entry, answer);
  if (judgement.kind !== 'later' || judgement.why !== 'captive') await noteRetention(box, answer);
  switch (judgement.kind) {
    case 'done': {
      const result = resultOf(box.settings, entry, answer);
      // The body has done its work; what is kept from here on is the result and the id.
      const request = { ...entry.request, headers: [], body: null };
      const kept = await keep(box, entry, { state: 'done', result, request, frozen: null, failure: null });
      if (kept !== undefined) box.tell({ kind: 'done', id: entry.id, result });
      return moved;
    }
    case 'later':
      return later(box, entry, judgement.why, answer);
    case 'dead':
      await bury(box, entry, judgement.why, answer);
      return moved;
  }
}

async function later(box: Box, entry: Entry, why: LaterReason, answer?: Answer): Promise<Step> {
  const { settings } = box;
  const counts = why === 'failing';
  const refusals = entry.refusals + Number(counts);
  if (refusals >= settings.maxRefusals) {
    const detail = `the server failed ${refusals} times`;
    await bury(box, entry, { reason: 'gave_up', effect: 'unknown', detail }, answer);
    return moved;
  }
  const asked = retryAfterMs(answer?.header('retry-after'), settings.clock.nowMs());
  const delayMs = Math.ceil(backoffMs(settings, entry.sends, asked));
  const dueAtMs = settings.clock.nowMs() + delayMs;
  await keep(box, entry, { refusals, dueAtMs });
  box.tell({ kind: 'later', id: entry.id, why, delayMs });
  return { kind: 'rest', untilMs: dueAtMs, shared: !counts };
}

async function noteRetention(box: Box, answer: Answer): Promise<void> {
  const advertisedMs = Number(answer.header(retentionHeaderName)) * 1000;
  if (!(advertisedMs > 0) || advertisedMs === box.retentionMs) return;
  box.retentionMs = advertisedMs;
  await box.settings.storage.commit({ notes: [{ name: retentionNote, value: String(advertisedMs) }] });
}

async function upgraded(box: Box, entry: Entry): Promise<Entry | undefined> {
  const { upgrade, version } = box.settings;
  if (upgrade === undefined) return entry;
  try {
    const request = templateOf(upgrade(plainOf(entry.request), entry.version));
    const needs = refsOf(request, entry.needs);
    return await keep(box, entry, { request, needs, print: printOf(request), version });
  } catch (error) {
    const detail = `it could not be upgraded from version ${entry.version}: ${String(error)}`;
    await bury(box, entry, { reason: 'unreadable', effect: 'none', detail });
    return undefined;
  }
}
