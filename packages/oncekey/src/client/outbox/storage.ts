/**
 * The seam between the outbox and what keeps it: rows that are only ever changed by whoever
 * has seen their last revision, in one atomic write. A storage decides nothing, sends
 * nothing and knows no request: it sees a row's lane and state, and text it does not read.
 */

import { ClientError } from '../errors.ts';

/** `open`: to be sent. `parked`: what it refers to has failed. `dead`: stopped, for a person. `done`: it took effect. */
export type RowState = 'open' | 'parked' | 'dead' | 'done';

/** One kept entry. */
export interface Row {
  readonly id: string;
  /** Given by the storage; grows with each new row and is never used again. */
  readonly seq: number;
  readonly lane: string;
  readonly state: RowState;
  /** Raised by the storage at each change, from 1. */
  readonly revision: number;
  readonly data: string;
}

/** A row as it is to be. */
export interface RowWrite {
  readonly id: string;
  readonly lane: string;
  readonly state: RowState;
  readonly data: string;
  /** The revision that the writer has seen; 0 for a row that must not be there yet. */
  readonly seen: number;
}

/** A short text under a name. */
export interface NoteWrite {
  readonly name: string;
  /** Null takes it away. */
  readonly value: string | null;
  /** When given, the note must still be this (null: absent). */
  readonly seen?: string | null;
}

/** Changes that are made together or not at all. */
export interface Commit {
  readonly rows?: readonly RowWrite[];
  readonly removed?: readonly { readonly id: string; readonly seen: number }[];
  readonly notes?: readonly NoteWrite[];
  /** Bounds on the unfinished rows (all but `done`) after this commit; checked only when it adds rows. */
  readonly limits?: { readonly entries: number; readonly bytes: number };
}

/** `conflict`: somebody else has changed it; `full`: a bound would be passed. Both changed nothing. */
export type CommitAnswer =
  | { readonly kind: 'stored'; readonly rows: readonly Row[] }
  | { readonly kind: 'conflict'; readonly name: string }
  | { readonly kind: 'full'; readonly limit: 'entries' | 'bytes' };

/** How much is kept in one state; `bytes` counts `data` as UTF-16 length. */
export interface Amount {
  readonly entries: number;
  readonly bytes: number;
}

/** How much is kept, by state. */
export type Usage = Readonly<Record<RowState, Amount>>;

/** The storage must not be used as it is. */
export function storageUnusable(storage: string, reason: string, cause?: unknown): ClientError {
  const message = `the outbox ${storage} cannot be used: ${reason}`;
  return new ClientError('storage_unusable', message, { storage, reason }, { cause });
}

/** The storage has no room; what it has stays. */
export function storageFull(storage: string, cause: unknown): ClientError {
  const message = `there is no room left for the outbox ${storage}: free space on the device`;
  return new ClientError('storage_full', message, { storage }, { cause });
}

/** What keeps an outbox. Throws a ClientError `storage_full` or `storage_unusable`; after a throw nothing was changed. */
export interface OutboxStorage {
  /** For messages, and the same for all that share it: locks and channels carry this name. */
  readonly name: string;
  commit(commit: Commit): Promise<CommitAnswer>;
  read(id: string): Promise<Row | undefined>;
  /** The open row of the lane with the lowest `seq`. */
  head(lane: string): Promise<Row | undefined>;
  /** Lanes that have open rows, in order of their names, after `after`. */
  lanes(after: string | null, limit: number): Promise<string[]>;
  /** Rows in this state, by `seq`, after `afterSeq`. */
  list(state: RowState, afterSeq: number, limit: number): Promise<Row[]>;
  /** Rows in this state, the last ones first. */
  latest(state: RowState, limit: number): Promise<Row[]>;
  note(name: string): Promise<string | undefined>;
  usage(): Promise<Usage>;
  /** Calls `changed` when somebody else (another tab) has committed; the returned function ends it. */
  watch?(changed: () => void): () => void;
  close(): Promise<void>;
}

/** All that is not done. */
export function unfinished({ open, parked, dead }: Usage): Amount {
  return { entries: open.entries + parked.entries + dead.entries, bytes: open.bytes + parked.bytes + dead.bytes };
}
