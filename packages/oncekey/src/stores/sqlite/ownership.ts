/**
 * What owners do, as statements inside a transaction that the queue opens: claim, extend,
 * save steps, complete, release. One owner at a time (I1), completed is terminal (I2),
 * only the current token writes (I3), a differing fingerprint never runs (I6).
 */
import { fingerprintsAgree } from '../../core/fingerprint.ts';
import type {
  ClaimAnswer,
  ClaimAsk,
  CompleteAnswer,
  CompleteAsk,
  DurationMs,
  ExtendAnswer,
  Granted,
  RecordId,
  ReleaseAnswer,
  SavedStep,
  SaveStepAnswer,
  Token,
} from '../../core/store.ts';
import { splitChecked } from '../stored-form/checked-outcome.ts';
import { type Connection, atomically } from './connection.ts';
import type { SqliteStatement } from './driver.ts';
import { type DecidingRow, completedAnswer, idBytes, instant } from './rows.ts';
import { findRow, stepsOf } from './reading.ts';

const lost = { kind: 'lost' } as const;

/** The answer to a claim that can be given by reading alone; undefined when something has to be written. */
export function lookAtClaim(connection: Connection, ask: ClaimAsk, nowMs: number): ClaimAnswer | undefined {
  const row = findRow(connection, ask.id, nowMs);
  return row === undefined || ownsRow(row, ask.token) ? undefined : refusal(row, ask, nowMs);
}

/** {@link Store.claim}. */
export function claim(connection: Connection, ask: ClaimAsk, nowMs: number): ClaimAnswer {
  if (insertClaim(connection, ask, nowMs)) return { kind: 'granted', attempt: 1, steps: [] };
  const row = findRow(connection, ask.id, nowMs);
  if (row === undefined) return replaceExpired(connection, ask, nowMs);
  const { statements } = connection;
  const leaseEndMs = instant(nowMs, ask.leaseMs);
  const expiresAtMs = expiryOf(ask, nowMs);
  if (ownsRow(row, ask.token)) {
    statements.renewLease.run(leaseEndMs, expiresAtMs, idBytes(ask.id));
    return granted(connection, ask.id, row.attempt, row.step_count);
  }
  const refused = refusal(row, ask, nowMs);
  if (refused !== undefined) return refused;
  statements.takeOver.run(ask.token, ask.fingerprint, leaseEndMs, expiresAtMs, nowMs, idBytes(ask.id));
  return granted(connection, ask.id, row.attempt + 1, row.step_count);
}

/** Whether the token holds the claim. */
export function ownsRow(row: DecidingRow, token: Token): boolean {
  return row.state === 'in-progress' && row.token === token;
}

/** What refuses a claim; undefined when it may take the record over. */
export function refusal(row: DecidingRow, ask: ClaimAsk, nowMs: number): ClaimAnswer | undefined {
  const { state, fingerprint, attempt } = row;
  if (state === 'completed' || state === 'erased') return completedAnswer(ask.id, row);
  const leaseLeftMs = (row.lease_end_ms ?? 0) - nowMs;
  if (leaseLeftMs > 0) return { kind: 'in-progress', fingerprint, attempt, leaseLeftMs };
  const held = state === 'in-progress' && ask.ifAbandoned === 'hold';
  const mayContinue = !held && fingerprintsAgree(fingerprint, ask.fingerprint);
  return mayContinue ? undefined : { kind: 'abandoned', fingerprint, attempt };
}

function insertClaim({ statements }: Connection, ask: ClaimAsk, nowMs: number): boolean {
  const { scope, operation, key, owner, method, path, eventId } = ask.labels;
  const { changes } = statements.insertClaim.run(
    idBytes(ask.id),
    ask.token,
    ask.fingerprint,
    instant(nowMs, ask.leaseMs),
    expiryOf(ask, nowMs),
    JSON.stringify(scope),
    operation,
    key,
    owner,
    method,
    path,
    eventId,
    nowMs,
    nowMs,
  );
  return Number(changes) === 1;
}

// A row that has expired counts as absent and gives up its place: the new one is seen first now.
function replaceExpired(connection: Connection, ask: ClaimAsk, nowMs: number): Granted {
  return atomically(connection, () => {
    connection.statements.remove.run(idBytes(ask.id));
    insertClaim(connection, ask, nowMs);
    return { kind: 'granted', attempt: 1, steps: [] };
  });
}

/** When an abandoned record of this claim goes. */
export function expiryOf(ask: ClaimAsk, nowMs: number): number | null {
  return ask.keepMs === null ? null : instant(nowMs, ask.leaseMs + ask.keepMs);
}

function granted(connection: Connection, id: RecordId, attempt: number, stepCount: number): Granted {
  const steps = attempt === 1 || stepCount === 0 ? [] : stepsOf(connection, idBytes(id));
  return { kind: 'granted', attempt, steps };
}

/** {@link Store.extend}. */
export function extend(
  { statements }: Connection,
  id: RecordId,
  token: Token,
  leaseMs: number,
  nowMs: number,
): ExtendAnswer {
  const leaseEndMs = instant(nowMs, leaseMs);
  const { changes } = statements.extend.run(leaseEndMs, leaseEndMs, idBytes(id), token, nowMs);
  return Number(changes) === 1 ? { kind: 'kept' } : lost;
}

/** {@link Store.complete}. */
export function complete(connection: Connection, ask: CompleteAsk, nowMs: number): CompleteAnswer {
  const { id, token, retentionMs } = ask;
  const expiresAtMs = instant(nowMs, retentionMs);
  const { kind, head, crc32, body } = splitChecked(id, ask.outcome);
  const completeBy = (statement: SqliteStatement): boolean =>
    Number(statement.run(expiresAtMs, nowMs, kind, head, crc32, body, idBytes(id), token, nowMs).changes) === 1;
  const stored = { kind: 'stored', completedAtMs: nowMs } as const;
  const { statements } = connection;
  if (completeBy(statements.complete)) return stored;
  const row = findRow(connection, id, nowMs);
  if (row === undefined || row.token !== token) return lost;
  if (row.completed_at_ms !== null) return { kind: 'already', completedAtMs: row.completed_at_ms };
  return completeBy(statements.completeWithSteps) ? stored : lost;
}

/** {@link Store.release}. */
export function release(
  connection: Connection,
  id: RecordId,
  token: Token,
  keepMs: DurationMs,
  nowMs: number,
): ReleaseAnswer {
  const { statements } = connection;
  const released = { kind: 'released' } as const;
  if (Number(statements.releaseGone.run(idBytes(id), token, nowMs).changes) === 1) return released;
  const { changes } = statements.releaseOpen.run(instant(nowMs, keepMs), idBytes(id), token, nowMs);
  if (Number(changes) === 1) return released;
  // Open means released: nobody owns it, so nothing can be lost.
  const row = findRow(connection, id, nowMs);
  return row === undefined || row.state === 'open' ? released : lost;
}

/** {@link Store.saveStep}. */
export function saveStep(
  connection: Connection,
  id: RecordId,
  token: Token,
  step: SavedStep,
  nowMs: number,
): SaveStepAnswer {
  const row = findRow(connection, id, nowMs);
  if (row === undefined || !ownsRow(row, token)) return lost;
  const { statements } = connection;
  const bytes = idBytes(id);
  return atomically(connection, () => {
    statements.saveStep.run(bytes, step.name, bytes, step.bytes);
    statements.countSteps.run(bytes, bytes);
    return { kind: 'stored' };
  });
}
