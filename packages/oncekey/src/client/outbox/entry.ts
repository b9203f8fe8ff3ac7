/**
 * An entry: one intent, its key and how far it has come, and the text it is kept as. The
 * key is made once and kept before anything is sent (I16); what was sent once is sent again
 * byte for byte.
 */
import type { Row, RowState } from './storage.ts';
import type { Frozen, ServerId, Template } from './template.ts';

/** Any JSON value. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

/** Where in the answer the server's id stands: a path in the JSON body, such as `data.id`, or the end of Location. */
export type IdSource = { readonly body: string } | { readonly header: 'location' };

/** Why an entry stopped. */
export type FailureReason =
  /** A definite answer that says no. */
  | 'refused'
  /** A server error that was stored: every repeat gets it again. */
  | 'failed'
  /** The server does not know whether its first try took effect; an operator has to look. */
  | 'outcome_unknown'
  /** It took effect, but the server has not kept the answer. */
  | 'outcome_not_kept'
  /** The key came before with another request. */
  | 'key_reused'
  /** The server failed `maxRefusals` times. */
  | 'gave_up'
  /** Sent longer ago than the server remembers: a repeat could be a second effect. */
  | 'too_old'
  /** What it refers to was discarded, or has no server id. */
  | 'ref_missing'
  /** What is kept cannot be read, or could not be upgraded. */
  | 'unreadable';

/** Whether it took effect, as far as can be known here. */
export type Effect = 'none' | 'unknown' | 'took';

/** Why and how an entry stopped. */
export interface Failure {
  readonly reason: FailureReason;
  readonly effect: Effect;
  /** What happened, for people. */
  readonly detail: string;
  /** Of the last answer, when there was one. */
  readonly status: number | null;
  readonly body: string | null;
  readonly atMs: number;
}

/** The answer of an entry that took effect. */
export interface OutboxResult {
  readonly status: number;
  /** Content-Type, Location and ETag. */
  readonly headers: Readonly<Record<string, string>>;
  /** Null when it is larger than `maxResultBytes`. */
  readonly body: string | null;
  /** Null when none was found. */
  readonly serverId: ServerId | null;
  readonly replayed: boolean;
  readonly atMs: number;
}

/** What is kept of an entry beside its place. */
export interface EntryData {
  /** Of the application's own format; see `upgrade`. */
  readonly version: number;
  readonly key: string;
  readonly request: Template;
  /** Entries that must have taken effect before. */
  readonly needs: readonly string[];
  readonly idFrom: IdSource | null;
  readonly coalesce: string | null;
  /** A digest of the request as added: tells a repeated `add` from another one with the same id. */
  readonly print: string;
  readonly meta: Json;
  readonly addedAtMs: number;
  /** How often it was sent with this key; raised before each sending. */
  readonly sends: number;
  /** Answers 500 with this key. */
  readonly refusals: number;
  readonly dueAtMs: number;
  readonly firstSentAtMs: number | null;
  /** The request as first sent; null before, and when it had no placeholders. */
  readonly frozen: Frozen | null;
  readonly failure: Failure | null;
  readonly result: OutboxResult | null;
}

/** An entry and its place. */
export interface Entry extends EntryData {
  readonly id: string;
  readonly seq: number;
  readonly lane: string;
  readonly state: RowState;
  readonly revision: number;
}

/** An entry that was not sent with its key. */
export const neverSent: Pick<EntryData, 'sends' | 'refusals' | 'dueAtMs' | 'firstSentAtMs' | 'frozen' | 'failure'> = {
  sends: 0,
  refusals: 0,
  dueAtMs: 0,
  firstSentAtMs: null,
  frozen: null,
  failure: null,
};

/** The kept text of an entry: all of it but its place. */
export function encodeEntry(entry: EntryData | Entry): string {
  const place = { id: undefined, seq: undefined, lane: undefined, state: undefined, revision: undefined };
  return JSON.stringify({ ...entry, ...place });
}

/** The entry of a row; undefined when its text is not one. */
export function decodeEntry(row: Row): Entry | undefined {
  try {
    const kept = JSON.parse(row.data) as Partial<EntryData> | null;
    const whole =
      typeof kept?.key === 'string' && typeof kept.request?.method === 'string' && Array.isArray(kept.needs);
    return whole ? { ...(kept as EntryData), ...placeOf(row) } : undefined;
  } catch {
    // The caller stops it for a person; nothing is dropped.
    return undefined;
  }
}

/** A stand-in for a row that cannot be read: stopped, with its text kept for a person. */
export function unreadableEntry(row: Row, atMs: number): Entry {
  const detail = 'what is kept of it is damaged';
  const request: Template = { method: '', url: '', headers: [], body: { text: row.data } };
  const failure: Failure = { reason: 'unreadable', effect: 'unknown', detail, status: null, body: null, atMs };
  return { ...newEntry(atMs), key: '', request, print: '', version: 0, needs: [], failure, ...placeOf(row) };
}

/** What is the same in all entries that were just added. */
export function newEntry(addedAtMs: number): Omit<EntryData, 'version' | 'key' | 'request' | 'print' | 'needs'> {
  return {
    idFrom: null,
    coalesce: null,
    meta: null,
    addedAtMs,
    ...neverSent,
    result: null,
  };
}

function placeOf({ data: _data, ...place }: Row): Omit<Row, 'data'> {
  return place;
}
