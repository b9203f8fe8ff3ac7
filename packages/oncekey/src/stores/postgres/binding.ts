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
  RecordId,
  Store,
  StoredRecord,
  Token,
} from '../../core/store.ts';
import type { BatchEntry } from '../coalesce.ts';
import { heldElsewhere } from '../held-elsewhere.ts';
import { type ClaimStatements, claimAll, claimedAsked, claimedColumns, claimStatements, labels } from './claim.ts';
import type { Row } from './client.ts';
import { durationText, fromNow, unixMs } from './expressions.ts';
import type { TableNames } from './names.ts';
import { type OwnerStatements, completeAll, ownerStatements, prepareComplete } from './ownership.ts';
import { readAll, readStatement } from './reading.ts';
import { numberOf, outcomeAsked, outcomeColumns, outcomeValues } from './rows.ts';
import type { Server } from './server.ts';
import { type Asked, type Statement, nameOf, runStatement, steadyStatement } from './statement.ts';

/** What a store binds transactions with. */
export type Bind = (execute: Executor) => Pick<Store, 'claim' | 'complete' | 'read'>;

/** {@link Store.bind} over these tables. Statements are made once, and sent once: after an error the transaction is over. */
export function bindTo(names: TableNames): Bind {
  const statements: BoundStatements = {
    claims: claimStatements(names),
    owners: ownerStatements(names),
    read: readStatement(names),
    insertDone: insertDone(names, 'ON CONFLICT (id) DO NOTHING'),
    // Where the transaction is committed at once, who was too late must fail.
    insertLast: insertDone(names, ''),
    look: lookStatement(names),
  };
  return (execute) => {
    const bound = new BoundRecords(execute, names, statements);
    return {
      claim: (ask) => bound.claim(ask),
      complete: (ask) => bound.complete(ask),
      read: (id) => bound.read(id),
    };
  };
}

interface BoundStatements {
  readonly claims: ClaimStatements;
  readonly owners: OwnerStatements;
  readonly read: Statement;
  readonly insertDone: Statement;
  readonly insertLast: Statement;
  readonly look: LookStatement;
}

/** Takes the lock and tells the record's state; the server's process as well, to know whether a pooler is in between. */
interface LookStatement {
  readonly name: string;
  readonly kept: string;
  /** Without parameters, so that it can be sent together with the transaction's beginning where nothing is kept prepared. */
  readonly spelled: (lock: string, id: RecordId) => string;
}

function lookStatement({ look }: TableNames): LookStatement {
  const text = (lock: string, id: string): string =>
    `SELECT ${look}(${lock}::bigint, decode(${id}::text, 'hex')) AS state, pg_backend_pid()::text AS session`;
  const kept = text('$1::text', '$2');
  return { name: nameOf(kept), kept, spelled: (lock, id) => text(`'${lock}'`, `'${id}'`) };
}

function lockOf(id: RecordId): string {
  if (!/^[\da-f]{64}$/.test(id)) throw new TypeError('postgres: a record id is 64 hexadecimal digits');
  return String(BigInt.asIntN(64, BigInt(`0x${id.slice(0, 16)}`)));
}

// Written once, completed: whoever is not in this transaction never sees it in progress.
function insertDone({ records }: TableNames, overtaken: string): Statement {
  return steadyStatement([...claimedColumns, 'retention', ...outcomeColumns], ({ a, from }) => {
    const outcome = outcomeValues(a);
    return `INSERT INTO ${records} AS r (id, state, attempt, revision, token, fingerprint, first_seen_at, last_seen_at,
        completed_at, expires_at, scope, ${labels.join(', ')}, ${outcomeColumns.join(', ')})
      SELECT decode(${a.id}, 'hex'), 'completed', 1, 2, ${a.token}, ${a.fingerprint}, clock_timestamp(),
        clock_timestamp(), clock_timestamp(), ${fromNow(a.retention)}, ${a.scope}::text[],
        ${labels.map((label) => a[label]).join(', ')}, ${outcome.join(', ')}${from}
      ${overtaken} RETURNING ${unixMs('r.completed_at')} AS completed`;
  });
}

/** The records of one transaction. */
class BoundRecords {
  readonly #server: Server;
  readonly #statements: BoundStatements;
  /** Claims of what was not there: nothing is written before they are completed. */
  readonly #fresh = new Map<Token, { readonly ask: ClaimAsk; readonly session: string }>();
  readonly #execute: Executor;

  constructor(execute: Executor, names: TableNames, statements: BoundStatements) {
    this.#execute = execute;
    const runText = execute as Server['runText'];
    const run: Server['run'] = (one, calls) => runStatement(runText, one, calls);
    this.#server = { names, mostlyNew: true, run, runText };
    this.#statements = statements;
  }

  async claim(ask: ClaimAsk): Promise<ClaimAnswer> {
    const [{ state, session } = {}] = await this.#look(ask.id);
    // Who holds the lock may only be reading what has long been completed.
    if (state === 'held') return heldElsewhere(await this.read(ask.id));
    if (state !== 'absent') return onlyEntry(await claimAll(this.#server, this.#statements.claims, [ask]));
    this.#fresh.set(ask.token, { ask, session: String(session) });
    return { kind: 'granted', attempt: 1, steps: [] };
  }

  #look(id: RecordId): Promise<readonly Row[]> {
    const { name, kept, spelled } = this.#statements.look;
    const lock = lockOf(id);
    const first = this.#execute.keptAs?.(name, null);
    if (first === undefined) return this.#server.runText(spelled(lock, id), []);
    return first(kept, [lock, id]) as Promise<readonly Row[]>;
  }

  async complete(ask: CompleteAsk): Promise<CompleteAnswer> {
    const fresh = this.#fresh.get(ask.token);
    const { owners } = this.#statements;
    if (fresh === undefined) return onlyEntry(await completeAll(this.#server, owners, [prepareComplete(ask)]));
    const outcome = outcomeAsked(ask.id, ask.outcome);
    const row = await this.#insert(fresh.session, [
      ...claimedAsked(fresh.ask),
      durationText(ask.retentionMs),
      ...outcome,
    ]);
    // Somebody was quicker: he committed between our look and our lock.
    return row === undefined ? { kind: 'lost' } : { kind: 'stored', completedAtMs: numberOf(row, 'completed') };
  }

  async #insert(session: string, asked: Asked): Promise<Row | undefined> {
    const { insertDone, insertLast } = this.#statements;
    const last = this.#execute.keptAs?.(insertLast.names.bare, session);
    if (last === undefined) return (await this.#server.run(insertDone, [asked]))[0];
    try {
      return (await last(insertLast.bare, asked))[0] as Row | undefined;
    } catch (error) {
      if (isOvertaken(error, this.#server.names)) return undefined;
      throw error;
    }
  }

  async read(id: RecordId): Promise<StoredRecord | undefined> {
    return onlyEntry(await readAll(this.#server, this.#statements.read, [id]));
  }
}

/** Whether the record was there already; a unique violation may also be one of the user's own tables, checked at the end. */
function isOvertaken(error: unknown, { records }: TableNames): boolean {
  const { code, table } = (error ?? {}) as { code?: unknown; table?: unknown };
  return code === '23505' && records.endsWith(`"${String(table)}"`);
}

function onlyEntry<T>([entry]: readonly BatchEntry<T>[]): T {
  if (entry === undefined) {
    const message = 'PostgreSQL answered no row to a statement that has one; begin the transaction anew';
    throw new IdempotencyError('store_unavailable', message, { phase: 'other' });
  }
  if ('error' in entry) throw entry.error;
  return entry.answer;
}
