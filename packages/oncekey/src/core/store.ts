/**
 * The store seam. Each method is one atomic round trip. Durations go in; instants come out only as facts for people
 * and are never compared outside the store, whose clock alone judges. A store keeps I1–I3, I13 and I14. It never logs,
 * hashes, retries for the engine or knows the engine's options.
 */
import type { MaybePromise } from './maybe.ts';
import type { Outcome } from './outcome.ts';

/** SHA-256 of scope, operation and key as 64 lowercase hexadecimal digits: all that a store is keyed by. */
export type RecordId = string;

/** Proof of ownership, new at every claim; at most 64 printable ASCII characters. */
export type Token = string;

/** Digest of the input as `algorithm:digest`; `foreign:…` is never compared. At most 255 characters. */
export type Fingerprint = string;

/** Milliseconds, or null for ever. */
export type DurationMs = number | null;

/** What people search and read by; never used to decide anything. */
export interface Labels {
  /** Scope parts; the public scope is the empty list. */
  readonly scope: readonly string[];
  readonly operation: string | null;
  readonly key: string;
  /** Who asked first: a worker, a host, a user. */
  readonly owner: string | null;
  readonly method: string | null;
  /** Path without query. */
  readonly path: string | null;
  /** The message or event that first carried this key. */
  readonly eventId: string | null;
}

/** Labels that say nothing. */
export const noLabels: Labels = {
  scope: [],
  operation: null,
  key: '',
  owner: null,
  method: null,
  path: null,
  eventId: null,
};

/** One saved step of the work: a name and the bytes of its result. */
export interface SavedStep {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** What to do with a record whose owner went silent: take over, or hold it for an operator. */
export type IfAbandoned = 'rerun' | 'hold';

/** The try to become owner. */
export interface ClaimAsk {
  readonly id: RecordId;
  readonly token: Token;
  /** Null matches every fingerprint. */
  readonly fingerprint: Fingerprint | null;
  readonly leaseMs: number;
  readonly ifAbandoned: IfAbandoned;
  /** How long an abandoned record stays after its lease; null for ever. */
  readonly keepMs: DurationMs;
  readonly labels: Labels;
}

/** The token now owns the record. `steps` are those of earlier attempts, in the order saved; empty at attempt 1. */
export interface Granted {
  readonly kind: 'granted';
  readonly attempt: number;
  readonly steps: readonly SavedStep[];
}

/** Somebody else owns the record and his lease runs. */
export interface InProgress {
  readonly kind: 'in-progress';
  readonly fingerprint: Fingerprint | null;
  readonly attempt: number;
  readonly leaseLeftMs: number;
}

/** The work is done; `outcome` is what it produced. */
export interface Completed {
  readonly kind: 'completed';
  readonly fingerprint: Fingerprint | null;
  readonly attempt: number;
  readonly completedAtMs: number;
  readonly outcome: Outcome;
}

/** The owner went silent (or released), and this claim may not take over: by policy, or because its fingerprint differs. */
export interface Abandoned {
  readonly kind: 'abandoned';
  readonly fingerprint: Fingerprint | null;
  readonly attempt: number;
}

/** The four answers to a claim. */
export type ClaimAnswer = Granted | InProgress | Completed | Abandoned;

/** `kept`: the lease starts anew from now, also for a late owner whom nobody replaced. `lost`: somebody else owns it, or nobody. */
export interface ExtendAnswer {
  readonly kind: 'kept' | 'lost';
}

/** The owner's word that the work is done. */
export interface CompleteAsk {
  readonly id: RecordId;
  readonly token: Token;
  readonly outcome: Outcome;
  /** How long the outcome answers, counted from now; null for ever. */
  readonly retentionMs: DurationMs;
}

/** `already`: this token stored an outcome before; it stays as it was. `lost`: nothing was written. */
export type CompleteAnswer =
  | { readonly kind: 'stored' | 'already'; readonly completedAtMs: number }
  | { readonly kind: 'lost' };

/** `released` is also the answer when the record is gone. */
export interface ReleaseAnswer {
  readonly kind: 'released' | 'lost';
}

/** Whether the step was written; checked in the same write. */
export interface SaveStepAnswer {
  readonly kind: 'stored' | 'lost';
}

/** `erased`: completed, with a `not-kept` outcome of reason `erased`. */
export type RecordState = 'in-progress' | 'abandoned' | 'open' | 'completed' | 'erased';

/** Something that happened to a record, for people; at most 32 are kept, the newest. */
export interface TimelineEvent {
  readonly atMs: number;
  readonly what: 'replay' | 'conflict' | 'resolved' | 'erased';
  /** The other fingerprint, the operator's name, … */
  readonly detail: string | null;
}

/** A record as it stands, by the store's clock. Instants are Unix milliseconds, for people only. */
export interface StoredRecord {
  readonly id: RecordId;
  readonly state: RecordState;
  readonly attempt: number;
  /** The current owner's token (or, in a completed record, the token that completed it); null when nobody's. */
  readonly token: Token | null;
  readonly fingerprint: Fingerprint | null;
  /** Raised by the store at each change that decides something (claim, complete, release, resolve, erase). */
  readonly revision: number;
  /** Only while in progress. */
  readonly leaseLeftMs: number | null;
  /** Time until the record counts as absent (completed, erased, abandoned or open); null for ever, or while in progress. */
  readonly retentionLeftMs: DurationMs;
  readonly labels: Labels;
  readonly outcome: Outcome | null;
  readonly steps: readonly SavedStep[];
  readonly firstSeenAtMs: number;
  readonly lastSeenAtMs: number;
  readonly completedAtMs: number | null;
  readonly replayCount: number;
  readonly conflictCount: number;
  /** Distinct other fingerprints, at most 16, the first ones. */
  readonly conflictFingerprints: readonly Fingerprint[];
  readonly timeline: readonly TimelineEvent[];
}

/** A fact about a record that never changes its state. Replays come batched: `count` of them since the last note. */
export type Note =
  | { readonly id: RecordId; readonly kind: 'replay'; readonly count: number }
  | { readonly id: RecordId; readonly kind: 'conflict'; readonly fingerprint: Fingerprint | null };

/** What an operator searches by; every given field must match. */
export interface ListAsk {
  readonly scope?: readonly string[];
  readonly operation?: string;
  readonly state?: RecordState;
  /** First seen at least this long ago. */
  readonly olderThanMs?: number;
  readonly key?: string;
  readonly keyPrefix?: string;
  /** 1–1000. */
  readonly limit: number;
  /** From the page before. */
  readonly cursor?: string;
}

/** One page, oldest first and stable while records come and go; `cursor` is null on the last. */
export interface ListPage {
  readonly records: readonly StoredRecord[];
  readonly cursor: string | null;
}

/** An operator's decision on an abandoned record. */
export interface ResolveAsk {
  readonly id: RecordId;
  /** The revision the operator saw; another one changes nothing. */
  readonly seenRevision: number;
  /** `rerun`: the next claim runs as the next attempt. `outcome`: this is how the work went. */
  readonly decision:
    | { readonly kind: 'rerun'; readonly keepMs: DurationMs }
    | { readonly kind: 'outcome'; readonly outcome: Outcome; readonly retentionMs: DurationMs };
  /** Who decided; kept in the timeline (I15). */
  readonly by: string;
}

/** `changed`: the revision differs or the record is not abandoned. */
export interface ResolveAnswer {
  readonly kind: 'resolved' | 'changed' | 'absent';
}

/** `in-progress`: a live reservation is never erased. */
export interface EraseAnswer {
  readonly kind: 'erased' | 'absent' | 'in-progress';
}

/** `more`: the limit was reached and expired records may remain. */
export interface SweepAnswer {
  readonly removed: number;
  readonly more: boolean;
}

/** Runs one statement in an open transaction of the user's: texts or nulls in, rows of texts by column out. */
export interface Executor {
  (text: string, values: readonly (string | null)[]): Promise<readonly object[]>;
  /** Runs several as one, the first (no session yet) or the last (in this session; may be committed at once): the rows of all. */
  readonly keeping?: (session: string | null) => ((all: readonly KeptStatement[]) => ReturnType<Executor>) | undefined;
}

/** A statement that is kept prepared under its name; if it `ages` not for long: on a larger table its plan may be wrong. */
export type KeptStatement = Readonly<{ name: string; text: string; values: Parameters<Executor>[1]; ages?: boolean }>;

/** The port. A store is a function that returns one of these. */
export interface Store {
  /** Short name for logs and `doctor`, such as `sqlite`. */
  readonly name: string;
  /** Becomes owner or tells why not. Idempotent per token: the owner's repeat is granted the same attempt and a fresh lease. */
  claim(ask: ClaimAsk): MaybePromise<ClaimAnswer>;
  /** Renews the lease. */
  extend(id: RecordId, token: Token, leaseMs: number): MaybePromise<ExtendAnswer>;
  /** Stores the outcome for good (I2, I3). A late owner whom nobody replaced may complete. */
  complete(ask: CompleteAsk): MaybePromise<CompleteAnswer>;
  /** Gives the claim back: at attempt 1 without steps the record is gone, otherwise open for `keepMs`. */
  release(id: RecordId, token: Token, keepMs: DurationMs): MaybePromise<ReleaseAnswer>;
  /** The record, or undefined when absent or expired; changes nothing. */
  read(id: RecordId): MaybePromise<StoredRecord | undefined>;
  /** Saves a step's result under its name (a second save of a name replaces it), only for the owner. */
  saveStep(id: RecordId, token: Token, step: SavedStep): MaybePromise<SaveStepAnswer>;

  /** Writes a whole record if absent or of a higher revision: warming and import. */
  put?(record: StoredRecord): MaybePromise<{ readonly kind: 'put' | 'kept' }>;
  /** Writes facts beside the state; unknown ids are passed over. */
  note?(notes: readonly Note[]): MaybePromise<void>;
  list?(ask: ListAsk): MaybePromise<ListPage>;
  resolve?(ask: ResolveAsk): MaybePromise<ResolveAnswer>;
  /** Removes outcome, steps, fingerprint and personal labels; a tombstone stays for `keepMs` (I14). */
  erase?(id: RecordId, keepMs: DurationMs): MaybePromise<EraseAnswer>;
  /** Removes at most `limit` expired records, never a live reservation (I13). */
  sweep?(limit: number): MaybePromise<SweepAnswer>;
  /** Calls `changed` when the record may have changed; may call too often, never relied on alone. Returns the end of it. */
  watch?(id: RecordId, changed: () => void): () => void;
  /** Throws `store_unavailable` or `store_unusable` when the store cannot serve; for start and `doctor`. */
  check?(): MaybePromise<void>;
  close?(): MaybePromise<void>;
  /** These records from inside that transaction (I9); a claim of what another open one holds is in progress, at once. */
  bind?(execute: Executor): Pick<Store, 'claim' | 'complete' | 'read'>;
}
