/**
 * The statements, prepared once a connection. Each changes one row under the condition
 * that makes it right (I3), so that a batch needs no savepoint for the common calls:
 * `changes` tells who won. Decides nothing.
 */
import type { SqliteHandle, SqliteStatement } from './driver.ts';

/** The columns that decide a claim. */
export const decidingColumns: string = `state, attempt, revision, token, fingerprint, lease_end_ms, expires_at_ms, step_count,
  completed_at_ms, outcome_kind, outcome_head, outcome_crc32, outcome_body`;

// Owned: in progress under this token and not yet gone. The lease may be over: nobody replaced him.
const owned = `id = ? AND token = ? AND state = 'in-progress' AND (expires_at_ms IS NULL OR expires_at_ms > ?)`;

const completed = `state = 'completed', revision = revision + 1, lease_end_ms = NULL, expires_at_ms = ?,
  completed_at_ms = ?, outcome_kind = ?, outcome_head = ?, outcome_crc32 = ?, outcome_body = ?`;

const recordColumns = `id, state, attempt, revision, token, fingerprint, lease_end_ms, expires_at_ms, step_count, scope,
  operation, key, owner, method, path, event_id, first_seen_at_ms, last_seen_at_ms, completed_at_ms, replay_count,
  conflict_count, conflict_fingerprints, timeline, outcome_kind, outcome_head, outcome_crc32, outcome_body`;

const texts = {
  begin: 'BEGIN',
  beginImmediate: 'BEGIN IMMEDIATE',
  commit: 'COMMIT',
  rollback: 'ROLLBACK',
  savepoint: 'SAVEPOINT oncekey_call',
  releaseSavepoint: 'RELEASE oncekey_call',
  rollbackSavepoint: 'ROLLBACK TO oncekey_call',
  look: `SELECT ${decidingColumns} FROM oncekey_records WHERE id = ?`,
  read: `SELECT ${recordColumns} FROM oncekey_records WHERE id = ?`,
  endOfSlice:
    'SELECT record_number FROM oncekey_records WHERE record_number > ? ORDER BY record_number LIMIT 1 OFFSET ?',
  insertClaim: `INSERT INTO oncekey_records (id, state, attempt, revision, token, fingerprint, lease_end_ms, expires_at_ms,
    scope, operation, key, owner, method, path, event_id, first_seen_at_ms, last_seen_at_ms)
    VALUES (?, 'in-progress', 1, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
  renewLease: 'UPDATE oncekey_records SET lease_end_ms = ?, expires_at_ms = ? WHERE id = ?',
  takeOver: `UPDATE oncekey_records SET state = 'in-progress', attempt = attempt + 1, revision = revision + 1, token = ?,
    fingerprint = coalesce(fingerprint, ?), lease_end_ms = ?, expires_at_ms = ?, last_seen_at_ms = ? WHERE id = ?`,
  extend: `UPDATE oncekey_records SET expires_at_ms = expires_at_ms - lease_end_ms + ?, lease_end_ms = ? WHERE ${owned}`,
  // Leaves the steps alone, since a trigger on their number costs every completion; most records have none.
  complete: `UPDATE oncekey_records SET ${completed} WHERE ${owned} AND step_count = 0`,
  completeWithSteps: `UPDATE oncekey_records SET ${completed}, step_count = 0 WHERE ${owned}`,
  releaseGone: `DELETE FROM oncekey_records WHERE ${owned} AND attempt = 1 AND step_count = 0`,
  releaseOpen: `UPDATE oncekey_records SET state = 'open', revision = revision + 1, token = NULL, lease_end_ms = NULL,
    expires_at_ms = ? WHERE ${owned}`,
  steps: 'SELECT name, bytes FROM oncekey_steps WHERE id = ? ORDER BY position',
  saveStep: `INSERT INTO oncekey_steps (id, name, position, bytes)
    VALUES (?, ?, (SELECT count(*) FROM oncekey_steps WHERE id = ?), ifnull(?, x''))
    ON CONFLICT (id, name) DO UPDATE SET bytes = excluded.bytes`,
  countSteps: `UPDATE oncekey_records SET step_count = (SELECT count(*) FROM oncekey_steps AS steps WHERE steps.id = ?)
    WHERE id = ?`,
  remove: 'DELETE FROM oncekey_records WHERE id = ?',
  put: `INSERT INTO oncekey_records (${recordColumns}) VALUES (${'?, '.repeat(26)}?)`,
  note: `UPDATE oncekey_records SET replay_count = ?, conflict_count = ?, conflict_fingerprints = ?, timeline = ?,
    last_seen_at_ms = ? WHERE id = ?`,
  reopen: `UPDATE oncekey_records SET state = 'open', revision = revision + 1, token = NULL, lease_end_ms = NULL,
    expires_at_ms = ?, timeline = ? WHERE id = ?`,
  settle: `UPDATE oncekey_records SET state = 'completed', revision = revision + 1, token = NULL, lease_end_ms = NULL,
    step_count = 0, expires_at_ms = ?, completed_at_ms = ?, outcome_kind = ?, outcome_head = ?, outcome_crc32 = ?,
    outcome_body = ?, timeline = ? WHERE id = ?`,
  erase: `UPDATE oncekey_records SET state = 'erased', revision = revision + 1, token = NULL, fingerprint = NULL,
    lease_end_ms = NULL, step_count = 0, key = '', owner = NULL, method = NULL, path = NULL, event_id = NULL,
    conflict_fingerprints = '[]', expires_at_ms = ?, completed_at_ms = coalesce(completed_at_ms, ?), outcome_kind = ?,
    outcome_head = ?, outcome_crc32 = ?, outcome_body = NULL, timeline = ? WHERE id = ?`,
  sweep: `DELETE FROM oncekey_records WHERE record_number IN
    (SELECT record_number FROM oncekey_records WHERE expires_at_ms <= ? ORDER BY expires_at_ms LIMIT ?)`,
  // Changes nothing, but a database open for reading only refuses it.
  proveWritable: 'UPDATE oncekey_schema SET version = version WHERE only_row = 0',
  hasExpired: 'SELECT 1 FROM oncekey_records WHERE expires_at_ms <= ? LIMIT 1',
};

/** Every statement by its name. */
export type Statements = Readonly<Record<keyof typeof texts, SqliteStatement>>;

/** The columns of a whole record, in the order in which `put` binds them. */
export const allColumns: string = recordColumns;

/** Prepares them all. Throws the driver's error when the tables are not those of this schema. */
export function prepareStatements(db: SqliteHandle): Statements {
  const prepared = Object.entries(texts).map(([name, text]) => [name, db.prepare(text)] as const);
  return Object.fromEntries(prepared) as Statements;
}
