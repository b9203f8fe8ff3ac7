/**
 * The storage of browsers: an IndexedDB database, shared by all tabs and workers of the
 * origin. A commit is one transaction; what others commit is told over a BroadcastChannel.
 * With `durability: 'strict'` (the default) an acknowledged commit has been written through
 * to the disk; the browser may still clear all storage unless the site asked it to persist.
 */
import { openDB, unwrap, type DBSchema, type IDBPDatabase } from 'idb';
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

/** Options of the storage. */
export interface IndexedDbStorageOptions {
  /** Name of the database, one for each outbox; default `oncekey-outbox`. */
  readonly name?: string;
  /** `strict` (default) waits for the disk; `relaxed` for the operating system: faster, and a loss of power may lose the last entries. */
  readonly durability?: 'strict' | 'relaxed';
}

const none = { entries: 0, bytes: 0 };
const fresh: Counters = { seq: 0, usage: { open: none, parked: none, dead: none, done: none } };
const top = Number.MAX_SAFE_INTEGER;

/** A storage in IndexedDB. The database is opened at the first use and again after the browser has closed it. */
export function indexedDbStorage(options: IndexedDbStorageOptions = {}): OutboxStorage {
  const { name = 'oncekey-outbox', durability = 'strict' } = options;
  let opened: Promise<IDBPDatabase<Schema>> | undefined;
  const channel = new BroadcastChannel(`oncekey:${name}`);

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
      if (!isFull(error)) letGo();
      throw storageError(name, error);
    }
  }

  return {
    name,
    commit: (commit) =>
      withDatabase(async (db) => {
        const answer = await write(db, commit, durability);
        if (answer.kind === 'stored') channel.postMessage(0);
        return answer;
      }),
    read: (id) => withDatabase(async (db) => (await db.getAll('rows', id)).map(plain)[0]),
    head: (lane) => withDatabase(async (db) => (await rowsOf(db, 'open', lane, 0, 1))[0]),
    lanes: (after, limit) => withDatabase((db) => lanesOf(db, after, limit)),
    list: (state, afterSeq, limit) => withDatabase((db) => rowsOf(db, 'state', state, afterSeq, limit)),
    latest: (state, limit) => withDatabase((db) => latestOf(db, state, limit)),
    note: (note) => withDatabase((db) => db.get('notes', note)),
    usage: () => withDatabase(async (db) => ((await db.get('counters', 'all')) ?? fresh).usage),
    watch(changed) {
      channel.addEventListener('message', changed);
      return () => channel.removeEventListener('message', changed);
    },
    async close() {
      channel.close();
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

/** Rows of one lane or state, after `seq`. */
async function rowsOf(
  db: IDBPDatabase<Schema>,
  index: 'open' | 'state',
  of: string,
  seq: number,
  limit: number,
): Promise<Row[]> {
  const range = IDBKeyRange.bound([of, seq], [of, top], true);
  return (await db.getAllFromIndex('rows', index, range, limit)).map(plain);
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

/**
 * All that has to be looked at is asked for at once, and then all writes: two trips to the database. Without `idb`'s
 * promises, which would double the time that an entry takes in the page itself.
 */
function write(db: IDBPDatabase<Schema>, commit: Commit, durability: 'strict' | 'relaxed'): Promise<CommitAnswer> {
  return new Promise((resolve, reject) => {
    const tx = unwrap(db).transaction(['rows', 'notes', 'counters'], 'readwrite', { durability }) as unknown as Writing;
    const looked = look(tx, commit);
    let answer: CommitAnswer;
    // Answered in the order of asking: with the last one all are.
    looked.counters.onsuccess = () => {
      try {
        answer = apply(tx, commit, looked);
        // Nothing follows: without this the database asks, after the last write, whether something does.
        tx.commit();
      } catch (error) {
        reject(error);
        tx.abort();
      }
    };
    tx.oncomplete = () => resolve(answer);
    tx.onabort = () => reject(tx.error);
  });
}

/** The part of the platform's own transaction that is used. */
interface Writing {
  readonly error: unknown;
  oncomplete: (() => void) | null;
  onabort: (() => void) | null;
  objectStore(name: string): KeyedStore;
  commit(): void;
  abort(): void;
}

interface KeyedStore {
  get<T>(key: string): Asked<T>;
  put(value: unknown, key?: string): unknown;
  delete(key: string): unknown;
}

interface Asked<T> {
  readonly result: T;
  onsuccess: (() => void) | null;
}

interface Looked {
  readonly rows: readonly Asked<KeptRow | undefined>[];
  readonly notes: readonly Asked<string | undefined>[];
  readonly counters: Asked<Counters | undefined>;
}

function look(tx: Writing, { rows = [], removed = [], notes = [] }: Commit): Looked {
  const [kept, noted] = [tx.objectStore('rows'), tx.objectStore('notes')];
  return {
    rows: [...rows, ...removed].map(({ id }) => kept.get(id)),
    notes: notes.map(({ name }) => noted.get(name)),
    counters: tx.objectStore('counters').get('all'),
  };
}

function apply(tx: Writing, { rows = [], removed = [], notes = [], limits }: Commit, looked: Looked): CommitAnswer {
  const changes = [...rows, ...removed];
  const known = looked.rows.map(({ result }) => result);
  const stale = changes.find(({ seen }, at) => (known[at]?.revision ?? 0) !== seen);
  if (stale !== undefined) return { kind: 'conflict', name: stale.id };
  const changed = notes.find(({ seen }, at) => seen !== undefined && (looked.notes[at]?.result ?? null) !== seen);
  if (changed !== undefined) return { kind: 'conflict', name: changed.name };
  let { seq, usage } = looked.counters.result ?? fresh;
  const next = rows.map((row, at) => keptRow(row, known[at]?.seq ?? (seq += 1)));
  for (const row of known) usage = counted(usage, row, -1);
  for (const row of next) usage = counted(usage, row, 1);
  const limit = limits !== undefined && rows.some(({ seen }) => seen === 0) ? passed(usage, limits) : undefined;
  if (limit !== undefined) return { kind: 'full', limit };
  const [kept, noted] = [tx.objectStore('rows'), tx.objectStore('notes')];
  for (const row of next) kept.put(row);
  for (const { id } of removed) kept.delete(id);
  for (const { name, value } of notes)
    if (value === null) noted.delete(name);
    else noted.put(value, name);
  if (changes.length > 0) tx.objectStore('counters').put({ seq, usage }, 'all');
  return { kind: 'stored', rows: next.map(plain) };
}

function passed(usage: Usage, limits: NonNullable<Commit['limits']>): 'entries' | 'bytes' | undefined {
  const { entries, bytes } = unfinished(usage);
  if (entries > limits.entries) return 'entries';
  return bytes > limits.bytes ? 'bytes' : undefined;
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

const isFull = (error: unknown): boolean => (error as { name?: string } | null)?.name === 'QuotaExceededError';

function storageError(name: string, error: unknown): unknown {
  return isFull(error) ? storageFull(name, error) : storageUnusable(name, String(error), error);
}
