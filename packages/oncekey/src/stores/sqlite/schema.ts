/**
 * The tables, their version and how a database gets to it. The checks in the tables make
 * a record in progress with an outcome, or a completed one without, impossible to write.
 * The version lives in a table of its own, so that a database shared with an application
 * keeps its `user_version`. A newer schema is refused, never guessed at.
 */
import { type SqliteHandle, hasOpenTransaction } from './driver.ts';
import { unusable } from './failure.ts';

const version = 1;

// A rowid table: clustering by a random 32-byte id halves the speed of writing. Pages follow the
// row number, which needs no index. The body comes last, so that reading the rest of a row never
// walks its overflow pages. No IN in the checks: SQLite would build its list anew for every row.
const up: string = `
CREATE TABLE oncekey_schema (
  only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
  version INTEGER NOT NULL
) STRICT;
INSERT INTO oncekey_schema (only_row, version) VALUES (1, ${version});
CREATE TABLE oncekey_records (
  record_number INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE CHECK (length(id) = 32),
  state TEXT NOT NULL
    CHECK (state = 'in-progress' OR state = 'completed' OR state = 'open' OR state = 'erased'),
  attempt INTEGER NOT NULL CHECK (attempt >= 1),
  revision INTEGER NOT NULL,
  token TEXT,
  fingerprint TEXT,
  lease_end_ms INTEGER,
  expires_at_ms INTEGER,
  step_count INTEGER NOT NULL DEFAULT 0,
  scope TEXT NOT NULL,
  operation TEXT,
  key TEXT NOT NULL,
  owner TEXT,
  method TEXT,
  path TEXT,
  event_id TEXT,
  first_seen_at_ms INTEGER NOT NULL,
  last_seen_at_ms INTEGER NOT NULL,
  completed_at_ms INTEGER,
  replay_count INTEGER NOT NULL DEFAULT 0,
  conflict_count INTEGER NOT NULL DEFAULT 0,
  conflict_fingerprints TEXT NOT NULL DEFAULT '[]',
  timeline TEXT NOT NULL DEFAULT '[]',
  outcome_kind TEXT,
  outcome_head TEXT,
  outcome_crc32 INTEGER,
  outcome_body BLOB,
  CHECK ((state = 'in-progress') = (lease_end_ms IS NOT NULL)),
  CHECK ((state = 'completed' OR state = 'erased') = (outcome_kind IS NOT NULL)),
  CHECK ((outcome_kind IS NULL) = (outcome_head IS NULL)),
  CHECK ((outcome_kind IS NULL) = (outcome_crc32 IS NULL)),
  CHECK ((outcome_kind IS NULL) = (completed_at_ms IS NULL)),
  CHECK (outcome_kind IS NOT NULL OR outcome_body IS NULL)
) STRICT;
CREATE INDEX oncekey_records_expiry ON oncekey_records (expires_at_ms) WHERE expires_at_ms IS NOT NULL;
CREATE TABLE oncekey_steps (
  id BLOB NOT NULL,
  name TEXT NOT NULL,
  position INTEGER NOT NULL,
  bytes BLOB NOT NULL,
  PRIMARY KEY (id, name)
) STRICT;
CREATE TRIGGER oncekey_records_removed AFTER DELETE ON oncekey_records WHEN old.step_count > 0
BEGIN
  DELETE FROM oncekey_steps WHERE id = old.id;
END;
CREATE TRIGGER oncekey_records_stepless AFTER UPDATE OF step_count ON oncekey_records
WHEN new.step_count = 0 AND old.step_count > 0
BEGIN
  DELETE FROM oncekey_steps WHERE id = old.id;
END;
`;

const down: string = `
DROP TABLE oncekey_steps;
DROP TABLE oncekey_records;
DROP TABLE oncekey_schema;
`;

/** The DDL for one's own migration tool: `up` makes the tables of `version`, `down` removes them with all records. */
export const schema: { readonly version: number; readonly up: string; readonly down: string } = { version, up, down };

/**
 * Makes the tables if they are not there, in one transaction (the caller's, when one is open). Safe to call at every
 * start. Throws `store_unusable` when the database holds a newer schema, else the driver's own errors.
 */
export function migrate(db: SqliteHandle): void {
  if (isCurrent(db)) return;
  if (hasOpenTransaction(db)) {
    db.exec(up);
    return;
  }
  db.exec('BEGIN IMMEDIATE');
  try {
    // Another process may have been first.
    if (!isCurrent(db)) db.exec(up);
    db.exec('COMMIT');
  } catch (error) {
    rollBack(db);
    throw error;
  }
}

function rollBack(db: SqliteHandle): void {
  try {
    db.exec('ROLLBACK');
  } catch {
    // SQLite has ended the transaction by itself, as it does on a full disk; the first error is what matters.
  }
}

function isCurrent(db: SqliteHandle): boolean {
  const table = db.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'oncekey_schema'").get();
  if (table === undefined) return false;
  const row = db.prepare('SELECT version FROM oncekey_schema').get() as { version: number } | undefined;
  if (row?.version === version) return true;
  if (row === undefined || row.version < version) {
    throw unusable('the database holds tables of this library without a version; restore it from a backup');
  }
  throw unusable(
    `the database has schema version ${row.version}, this program knows up to ${version}; use a newer program`,
  );
}
