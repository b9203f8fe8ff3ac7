/**
 * The storage of browsers: an IndexedDB database, shared by all tabs and workers of the
 * origin. A commit is one transaction; what others commit is told over a BroadcastChannel.
 * With `durability: 'strict'` (the default) an acknowledged commit has been written through
 * to the disk; the browser may still clear all storage unless the site asked it to persist.
 */
import { openDB, type DBSchema, type IDBPDatabase, type IDBPTransaction } from 'idb';
import { ClientError } from '../../errors.ts';
import { storageFull, storageUnusable, unfinished } from '../storage.ts';
import type { Commit, CommitAnswer, OutboxStorage } from '../storage.ts';
import type { Row, RowState, RowWrite, Usage } from '../storage.ts';

interface KeptRow extends Row {
  /** The lane of an open row, absent otherwise: the index holds the open ones only. */
  readonly openLane?: string;
}

interface Counters {
  readonly seq: number;
  readonly usage: Usage;
}

interface Schema extends DBSchema {
  rows: { key: string; value: KeptRow; indexes: { state: [RowState, number]; open: [string, number] } };
  notes: { key: string; value: string };
  counters: { key: string; value: Counters };
}

type Stores = ['rows', 'notes', 'counters'];
type Writing = IDBPTransaction<Schema, Stores, 'readwrite'>;

/** Options of the storage. */
export interface IndexedDbStorageOptions {
  /** Name of the database, one for each outbox; default `oncekey-outbox`. */
  readonly name?: string;
  /** `strict` (default) waits for the disk; `relaxed` for the operating system: faster, and a loss of power may lose the last entries. */
  readonly durability?: 'strict' | 'relaxed';
}

const quotaExceeded = 'QuotaExceededError';
const storeNames: Stores = ['rows', 'notes', 'counters'];
const none = { entries: 0, bytes: 0 };
const fresh: Counters = { seq: 0, usage: { open: none, parked: none, dead: none, done: none } };
const top = Number.MAX_SAFE_INTEGER;

/** A storage in IndexedDB. The database is opened at the first use and again after the browser has closed it. */
export function indexedDbStorage(options: IndexedDbStorageOptions = {}): OutboxStorage {
  const { name = 'oncekey-outbox', durability = 'strict' } = options;
  let opened: Promise<IDBPDatabase<Schema>> | undefined;
  const channel = typeof BroadcastChannel === 'function' ? new BroadcastChannel(`oncekey:${name}`) : undefined;

  function letGo(): void {
    // One that never opened has told so to whoever asked.
    opened?.then(
      (db) => db.close(),
      () => undefined,
    );
    opened = undefined;
  }

  async function withDatabase<T>(work: (db: IDBPDatabase<Schema>) => Promise<T>): Promise<T> {
    opened ??= open(name, letGo);
    try {
      return await work(await opened);
    } catch (error) {
      // A closed or broken connection is opened anew next time.
      if (nameOf(error) !== quotaExceeded) letGo();
      throw storageError(name, error);
    }
  }

  return {
    name,
    commit: (commit) =>
      withDatabase(async (db) => {
        const answer = await write(db, commit, durability);
        if (answer.kind === 'stored') channel?.postMessage(0);
        return answer;
      }),
    read: (id) => withDatabase(async (db) => (await db.getAll('rows', id)).map(plain)[0]),
    head: (lane) =>
      withDatabase(async (db) => {
        const range = IDBKeyRange.bound([lane, 0], [lane, top]);
        return (await db.getAllFromIndex('rows', 'open', range, 1)).map(plain)[0];
      }),
    lanes: (after, limit) => withDatabase((db) => lanesOf(db, after, limit)),
    list: (state, afterSeq, limit) =>
      withDatabase(async (db) => {
        const range = IDBKeyRange.bound([state, afterSeq], [state, top], true);
        return (await db.getAllFromIndex('rows', 'state', range, limit)).map(plain);
      }),
    latest: (state, limit) => withDatabase((db) => latestOf(db, state, limit)),
    note: (note) => withDatabase((db) => db.get('notes', note)),
    usage: () => withDatabase(async (db) => ((await db.get('counters', 'all')) ?? fresh).usage),
    watch(changed) {
      channel?.addEventListener('message', changed);
      return () => channel?.removeEventListener('message', changed);
    },
    async close() {
      channel?.close();
      letGo();
    },
  };
}

function open(name: string, letGo: () => void): Promise<IDBPDatabase<Schema>> {
  return openDB<Schema>(name, 1, {
    upgrade(db) {
      const rows = db.createObjectStore('rows', { keyPath: 'id' });
      rows.createIndex('state', ['state', 'seq']);
      rows.createIndex('open', ['openLane', 'seq']);
      db.createObjectStore('notes');
      db.createObjectStore('counters');
    },
    // A newer program wants to upgrade: let it, and open again at the next use.
    blocking: letGo,
    terminated: letGo,
  });
}

/** The first open row of each lane is found by leaping from lane to lane. */
async function lanesOf(db: IDBPDatabase<Schema>, after: string | null, limit: number): Promise<string[]> {
  const lanes: string[] = [];
  const index = db.transaction('rows').store.index('open');
  const range = after === null ? undefined : IDBKeyRange.lowerBound([after, top], true);
  let cursor = await index.openKeyCursor(range);
  while (cursor !== null && lanes.length < limit) {
    const [lane] = cursor.key;
    lanes.push(lane);
    cursor = await cursor.continue([lane, top]);
  }
  return lanes;
}

async function latestOf(db: IDBPDatabase<Schema>, state: RowState, limit: number): Promise<Row[]> {
  const rows: Row[] = [];
  const index = db.transaction('rows').store.index('state');
  let cursor = await index.openCursor(IDBKeyRange.bound([state, 0], [state, top]), 'prev');
  while (cursor !== null && rows.length < limit) {
    rows.push(plain(cursor.value));
    cursor = await cursor.continue();
  }
  return rows;
}

async function write(
  db: IDBPDatabase<Schema>,
  commit: Commit,
  durability: 'strict' | 'relaxed',
): Promise<CommitAnswer> {
  const tx = db.transaction(storeNames, 'readwrite', { durability });
  try {
    // A refused commit has written nothing, so there is nothing to abort.
    const [answer] = await Promise.all([apply(tx, commit), tx.done]);
    return answer;
  } catch (error) {
    // What made the transaction fail (a full disk) says more than that a request in it was aborted.
    throw tx.error ?? error;
  }
}

/** Two trips to the database: all that has to be looked at, then all writes at once. */
async function apply(tx: Writing, { rows = [], removed = [], notes = [], limits }: Commit): Promise<CommitAnswer> {
  const [kept, noted, counters] = [tx.objectStore('rows'), tx.objectStore('notes'), tx.objectStore('counters')];
  const changes = [...rows, ...removed];
  const [counts = fresh, known, values] = await Promise.all([
    counters.get('all'),
    Promise.all(changes.map(({ id }) => kept.get(id))),
    Promise.all(notes.map(({ name }) => noted.get(name))),
  ]);
  const stale = changes.find(({ seen }, at) => (known[at]?.revision ?? 0) !== seen);
  if (stale !== undefined) return { kind: 'conflict', name: stale.id };
  const changed = notes.find(({ seen }, at) => seen !== undefined && (values[at] ?? null) !== seen);
  if (changed !== undefined) return { kind: 'conflict', name: changed.name };
  let { seq, usage } = counts;
  const next = changes.map((change, at) =>
    isWrite(change) ? keptRow(change, known[at]?.seq ?? (seq += 1)) : undefined,
  );
  next.forEach((row, at) => {
    usage = counted(counted(usage, known[at], -1), row, 1);
  });
  const limit = limits !== undefined && rows.some(({ seen }) => seen === 0) ? passed(usage, limits) : undefined;
  if (limit !== undefined) return { kind: 'full', limit };
  const writes: Promise<unknown>[] = [
    ...next.map((row, at) => (row === undefined ? kept.delete(changes[at]?.id ?? '') : kept.put(row))),
    ...notes.map(({ name, value }) => (value === null ? noted.delete(name) : noted.put(value, name))),
    ...(changes.length > 0 ? [counters.put({ seq, usage }, 'all')] : []),
  ];
  // Nothing follows: without this the database asks, after the last write, whether something does.
  tx.commit();
  await Promise.all(writes);
  return { kind: 'stored', rows: next.flatMap((row) => (row === undefined ? [] : [plain(row)])) };
}

function passed(usage: Usage, limits: NonNullable<Commit['limits']>): 'entries' | 'bytes' | undefined {
  const { entries, bytes } = unfinished(usage);
  if (entries > limits.entries) return 'entries';
  return bytes > limits.bytes ? 'bytes' : undefined;
}

function isWrite(change: object): change is RowWrite {
  return 'data' in change;
}

function keptRow({ id, lane, state, data, seen }: RowWrite, seq: number): KeptRow {
  const row = { id, seq, lane, state, revision: seen + 1, data };
  return state === 'open' ? { ...row, openLane: lane } : row;
}

function plain({ openLane: _openLane, ...row }: KeptRow): Row {
  return row;
}

function counted(usage: Usage, row: Row | undefined, by: 1 | -1): Usage {
  if (row === undefined) return usage;
  const { entries, bytes } = usage[row.state];
  return { ...usage, [row.state]: { entries: entries + by, bytes: bytes + by * row.data.length } };
}

const nameOf = (error: unknown): string => (error as { name?: string } | null)?.name ?? '';

function storageError(name: string, error: unknown): unknown {
  if (ClientError.is(error)) return error;
  if (nameOf(error) === quotaExceeded) return storageFull(name, error);
  return storageUnusable(name, error instanceof Error ? `${nameOf(error)}: ${error.message}` : String(error), error);
}
