/**
 * A storage in a SQLite file, for tills and command lines on Node: an open handle of
 * `node:sqlite` or `@photostructure/sqlite` is passed in, nothing is imported. A commit is
 * one transaction with a synced log, so that `kill -9` and a loss of power lose nothing that
 * was acknowledged; several processes may share the file. The handle must be the outbox's own.
 */
import { ClientError } from '../../errors.ts';
import { storageFull, storageUnusable, unfinished } from '../storage.ts';
import type { Commit, CommitAnswer, OutboxStorage } from '../storage.ts';
import type { Row, RowState, Usage } from '../storage.ts';

type Value = null | number | string;

interface Statement {
  get(...values: Value[]): unknown;
  all(...values: Value[]): unknown[];
  run(...values: Value[]): unknown;
}

/** The part of an open database that is used; `node:sqlite` and `@photostructure/sqlite` have it. */
export interface OutboxDatabase {
  exec(sql: string): unknown;
  prepare(sql: string): Statement;
  close(): void;
}

/** Options of the storage. */
export interface SqliteStorageOptions {
  /** For messages; default `sqlite`. */
  readonly name?: string;
  /** How long a write waits for another process, in milliseconds, while this one stands still; default 2000. */
  readonly busyTimeoutMs?: number;
}

const schemaVersion = '1';
const schema = `
CREATE TABLE IF NOT EXISTS outbox_rows (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, lane TEXT NOT NULL, state TEXT NOT NULL,
  revision INTEGER NOT NULL, size INTEGER NOT NULL, data TEXT NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS outbox_rows_state ON outbox_rows (state, seq);
CREATE INDEX IF NOT EXISTS outbox_rows_open ON outbox_rows (lane, seq) WHERE state = 'open';
CREATE TABLE IF NOT EXISTS outbox_notes (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outbox_usage (state TEXT PRIMARY KEY, entries INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT;
INSERT OR IGNORE INTO outbox_usage VALUES ('open', 0, 0), ('parked', 0, 0), ('dead', 0, 0), ('done', 0, 0);
CREATE TRIGGER IF NOT EXISTS outbox_added AFTER INSERT ON outbox_rows BEGIN
  UPDATE outbox_usage SET entries = entries + 1, bytes = bytes + NEW.size WHERE state = NEW.state; END;
CREATE TRIGGER IF NOT EXISTS outbox_removed AFTER DELETE ON outbox_rows BEGIN
  UPDATE outbox_usage SET entries = entries - 1, bytes = bytes - OLD.size WHERE state = OLD.state; END;
CREATE TRIGGER IF NOT EXISTS outbox_changed AFTER UPDATE ON outbox_rows BEGIN
  UPDATE outbox_usage SET entries = entries - 1, bytes = bytes - OLD.size WHERE state = OLD.state;
  UPDATE outbox_usage SET entries = entries + 1, bytes = bytes + NEW.size WHERE state = NEW.state; END;`;

/** Opens the storage on a handle. Throws `storage_unusable` when the file is damaged, no database, or of a newer version. */
export function sqliteStorage(db: OutboxDatabase, options: SqliteStorageOptions = {}): OutboxStorage {
  const { name = 'sqlite', busyTimeoutMs = 2000 } = options;
  const guarded = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw storageError(name, error);
    }
  };
  const statements = guarded(() => prepare(db, name, busyTimeoutMs));
  return {
    name,
    commit: async (commit) => guarded(() => inTransaction(db, () => apply(statements, commit))),
    read: async (id) => guarded(() => statements.read.get(id) as Row | undefined),
    head: async (lane) => guarded(() => statements.head.get(lane) as Row | undefined),
    lanes: async (after, limit) =>
      guarded(() =>
        (statements.lanes.all(after ?? '', after === null ? 1 : 0, limit) as Row[]).map(({ lane }) => lane),
      ),
    list: async (state, afterSeq, limit) => guarded(() => statements.list.all(state, afterSeq, limit) as Row[]),
    latest: async (state, limit) => guarded(() => statements.latest.all(state, limit) as Row[]),
    note: async (note) => guarded(() => (statements.note.get(note) as { value: string } | undefined)?.value),
    usage: async () => guarded(() => usageOf(statements)),
    close: async () => db.close(),
  };
}

type Statements = ReturnType<typeof prepare>;

function prepare(db: OutboxDatabase, name: string, busyTimeoutMs: number) {
  db.exec(`PRAGMA busy_timeout = ${Math.round(busyTimeoutMs)}`);
  db.exec('PRAGMA journal_mode = WAL');
  db.exec('PRAGMA synchronous = FULL');
  db.exec(`BEGIN IMMEDIATE; ${schema} COMMIT`);
  const columns = 'id, seq, lane, state, revision, data';
  const statements = {
    read: db.prepare(`SELECT ${columns} FROM outbox_rows WHERE id = ?`),
    head: db.prepare(`SELECT ${columns} FROM outbox_rows WHERE state = 'open' AND lane = ? ORDER BY seq LIMIT 1`),
    lanes: db.prepare(
      `SELECT DISTINCT lane FROM outbox_rows WHERE state = 'open' AND (lane > ? OR ?) ORDER BY lane LIMIT ?`,
    ),
    list: db.prepare(`SELECT ${columns} FROM outbox_rows WHERE state = ? AND seq > ? ORDER BY seq LIMIT ?`),
    latest: db.prepare(`SELECT ${columns} FROM outbox_rows WHERE state = ? ORDER BY seq DESC LIMIT ?`),
    insert: db.prepare('INSERT INTO outbox_rows (id, lane, state, revision, size, data) VALUES (?, ?, ?, 1, ?, ?)'),
    update: db.prepare(
      'UPDATE outbox_rows SET lane = ?, state = ?, revision = revision + 1, size = ?, data = ? WHERE id = ?',
    ),
    remove: db.prepare('DELETE FROM outbox_rows WHERE id = ?'),
    note: db.prepare('SELECT value FROM outbox_notes WHERE name = ?'),
    setNote: db.prepare('INSERT OR REPLACE INTO outbox_notes VALUES (?, ?)'),
    removeNote: db.prepare('DELETE FROM outbox_notes WHERE name = ?'),
    usage: db.prepare('SELECT state, entries, bytes FROM outbox_usage'),
  };
  checkVersion(statements, name);
  return statements;
}

function checkVersion({ note, setNote }: Pick<Statements, 'note' | 'setNote'>, name: string): void {
  const found = (note.get('schema') as { value: string } | undefined)?.value;
  if (found === undefined) setNote.run('schema', schemaVersion);
  else if (found !== schemaVersion) {
    throw storageUnusable(
      name,
      `its schema is ${found} and this program knows ${schemaVersion}; run the newer program`,
    );
  }
}

function inTransaction<T extends CommitAnswer>(db: OutboxDatabase, work: () => T): T {
  db.exec('BEGIN IMMEDIATE');
  try {
    const answer = work();
    db.exec(answer.kind === 'stored' ? 'COMMIT' : 'ROLLBACK');
    return answer;
  } catch (error) {
    rollBack(db);
    throw error;
  }
}

function rollBack(db: OutboxDatabase): void {
  try {
    db.exec('ROLLBACK');
  } catch {
    // SQLite has rolled back by itself; the first error is the one to tell.
  }
}

function apply(statements: Statements, commit: Commit): CommitAnswer {
  const refused = refusal(statements, commit);
  if (refused !== undefined) return refused;
  for (const { id, lane, state, data, seen } of commit.rows ?? []) {
    if (seen === 0) statements.insert.run(id, lane, state, data.length, data);
    else statements.update.run(lane, state, data.length, data, id);
  }
  for (const { id } of commit.removed ?? []) statements.remove.run(id);
  for (const { name, value } of commit.notes ?? []) {
    if (value === null) statements.removeNote.run(name);
    else statements.setNote.run(name, value);
  }
  return { kind: 'stored', rows: (commit.rows ?? []).map(({ id }) => statements.read.get(id) as Row) };
}

function refusal(statements: Statements, commit: Commit): CommitAnswer | undefined {
  const { rows = [], removed = [], notes = [], limits } = commit;
  for (const { id, seen } of [...rows, ...removed]) {
    if (((statements.read.get(id) as Row | undefined)?.revision ?? 0) !== seen) return { kind: 'conflict', name: id };
  }
  for (const { name, seen } of notes) {
    const value = (statements.note.get(name) as { value: string } | undefined)?.value ?? null;
    if (seen !== undefined && value !== seen) return { kind: 'conflict', name };
  }
  const added = rows.filter(({ seen }) => seen === 0);
  if (limits === undefined || added.length === 0) return undefined;
  const { entries, bytes } = unfinished(usageOf(statements));
  if (entries + added.length > limits.entries) return { kind: 'full', limit: 'entries' };
  const more = added.reduce((sum, { data }) => sum + data.length, 0);
  return bytes + more > limits.bytes ? { kind: 'full', limit: 'bytes' } : undefined;
}

function usageOf(statements: Statements): Usage {
  const rows = statements.usage.all() as { state: RowState; entries: number; bytes: number }[];
  return Object.fromEntries(rows.map(({ state, entries, bytes }) => [state, { entries, bytes }])) as Usage & object;
}

// SQLite's primary result codes, in the dialect of node:sqlite (number) and of better-sqlite3 (name).
function storageError(name: string, error: unknown): unknown {
  if (ClientError.is(error)) return error;
  const { errcode, code, message } = error as { errcode?: unknown; code?: unknown; message?: string };
  if (errcode === 13 || code === 'SQLITE_FULL') return storageFull(name, error);
  return storageUnusable(name, message ?? String(error), error);
}
