/**
 * Records from inside an open transaction of the user's (I9): effect and outcome commit
 * together or not at all. A lock that ends with the transaction stands before the record: who
 * does not get it is told at once that somebody else is at it, and no pool ever waits. Knows
 * statements only; when to begin and to commit is the caller's.
 */
import { IdempotencyError } from '../../core/errors.ts';
import type {
  ClaimAnswer,
  ClaimAsk,
  CompleteAnswer,
  CompleteAsk,
  Executor,
  Store,
  StoredRecord,
} from '../../core/store.ts';
import type { BatchEntry } from '../coalesce.ts';
import { type ClaimStatements, claimAll, claimStatements } from './claim.ts';
import type { Row } from './client.ts';
import type { TableNames } from './names.ts';
import { completeAll, ownerStatements, prepareComplete } from './ownership.ts';
import { readAll, readStatement } from './reading.ts';
import type { Server } from './server.ts';
import { type Statement, runStatement } from './statement.ts';

/** {@link Store.bind}. Statements are sent once: after an error the transaction is over. */
export function bind(execute: Executor, names: TableNames): Pick<Store, 'claim' | 'complete' | 'read'> {
  const rows = async (text: string, values: readonly (string | null)[]): Promise<readonly Row[]> =>
    (await execute(text, values)) as readonly Row[];
  const server: Server = {
    names,
    mostlyNew: true,
    run: (statement, calls) => runStatement(rows, statement, calls),
    runText: rows,
  };
  const claims = claimStatements(names);
  const owners = ownerStatements(names);
  const read = readStatement(names);
  return {
    claim: (ask) => claimLocked(server, claims, read, ask),
    complete: async (ask: CompleteAsk): Promise<CompleteAnswer> =>
      onlyEntry(await completeAll(server, owners, [prepareComplete(ask)])),
    read: async (id) => onlyEntry(await readAll(server, read, [id])),
  };
}

// The lock ends with the transaction, so that also a pooler may stand in between. It is looked for before the record:
// who gets it after another's commit sees what that one has committed.
const tryLock = `SELECT pg_try_advisory_xact_lock(('x' || substr($1::text, 1, 16))::bit(64)::bigint)::text AS free`;

async function claimLocked(
  server: Server,
  claims: ClaimStatements,
  read: Statement,
  ask: ClaimAsk,
): Promise<ClaimAnswer> {
  const [locked] = await server.runText(tryLock, [ask.id]);
  if (locked?.['free'] === 'true') return onlyEntry(await claimAll(server, claims, [ask]));
  // Who holds the lock may only be reading what has long been completed.
  return answerFor(onlyEntry(await readAll(server, read, [ask.id])));
}

function answerFor(record: StoredRecord | undefined): ClaimAnswer {
  const { fingerprint = null, attempt = 1, outcome = null, completedAtMs = null } = record ?? {};
  if (outcome !== null && completedAtMs !== null)
    return { kind: 'completed', fingerprint, attempt, outcome, completedAtMs };
  return { kind: 'in-progress', fingerprint, attempt, leaseLeftMs: record?.leaseLeftMs ?? 0 };
}

function onlyEntry<T>([entry]: readonly BatchEntry<T>[]): T {
  if (entry === undefined) {
    const message = 'PostgreSQL answered no row to a statement that has one; begin the transaction anew';
    throw new IdempotencyError('store_unavailable', message, { phase: 'other' });
  }
  if ('error' in entry) throw entry.error;
  return entry.answer;
}
