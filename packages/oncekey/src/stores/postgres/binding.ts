/**
 * Records from inside an open transaction of the user's (I9): effect and outcome commit
 * together or not at all. A lock that ends with the transaction stands before the record: who
 * does not get it is told at once that somebody else is at it, and no pool ever waits. Knows
 * statements only; when to begin and to commit is the caller's.
 */
import { systemClock } from '../../core/clock.ts';
import { IdempotencyError } from '../../core/errors.ts';
import type { MaybePromise } from '../../core/maybe.ts';
import type {
  ClaimAnswer,
  ClaimAsk,
  CompleteAnswer,
  CompleteAsk,
  Executor,
  KeptStatement,
  RecordId,
  Store,
  StoredRecord,
  Token,
} from '../../core/store.ts';
import type { BatchEntry } from '../coalesce.ts';
import { claimGone } from '../claim-gone.ts';
import { heldElsewhere } from '../held-elsewhere.ts';
import { type ClaimStatements, claimAll, claimedAsked, claimedColumns, claimStatements, labels } from './claim.ts';
import type { Row } from './client.ts';
import { durationText, fromNow, hasId, instantOf, unixMs } from './expressions.ts';
import type { TableNames } from './names.ts';
import { type OwnerStatements, completeAll, ownerStatements, prepareComplete } from './ownership.ts';
import { readAll, readStatement } from './reading.ts';
import { numberOf, outcomeAsked, outcomeColumns, outcomeValues } from './rows.ts';
import type { Server } from './server.ts';
import { type Asked, type Statement, nameOf, onlyRow, runStatement, steadyStatement } from './statement.ts';

/** What a store binds transactions with. */
export type Bind = (execute: Executor) => Pick<Store, 'claim' | 'complete' | 'read'>;

/** {@link Store.bind} over these tables. Statements are made once, and sent once: after an error the transaction is over. */
export function bindTo(names: TableNames): Bind {
  const statements: BoundStatements = {
    claims: claimStatements(names),
    owners: ownerStatements(names),
    read: readStatement(names),
    insert: insertStatement(names),
    insertKept: kept(insertKeptText(names)),
    look: (id) => `SELECT ${names.look}('${lockOf(id)}'::bigint, decode('${id}', 'hex')) AS state,
      ${began} AS began, ${sessionAndTime}`,
    lock: kept(`SELECT pg_try_advisory_xact_lock($1::bigint)::text AS got, ${sessionAndTime}`),
    state: kept(`SELECT r.state AS state FROM ${names.records} r WHERE ${hasId('$1')}`),
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
  readonly insert: Statement;
  readonly insertKept: Named;
  /** Takes the lock and tells the state. Without parameters, so that it can be sent together with the transaction's beginning. */
  readonly look: (id: RecordId) => string;
  // The same where statements are kept prepared, which costs less than half: one after the other, since a statement
  // sees what was committed before it began, and the lock may have been set free after that.
  readonly lock: Named;
  readonly state: Named;
}

type Named = Pick<KeptStatement, 'name' | 'text'>;
type Keeping = NonNullable<ReturnType<NonNullable<Executor['keeping']>>>;

function kept(text: string): Named {
  return { name: nameOf(text), text };
}

/** When the transaction began: no other of the session has the same. */
const began = "(date_part('epoch', now()) * 1000000)::bigint::text";

/** The server's process, to know whether a pooler is in between, and its clock. */
const sessionAndTime = `pg_backend_pid()::text AS session, ${unixMs('clock_timestamp()')} AS now`;

function lockOf(id: RecordId): string {
  if (!/^[\da-f]{64}$/.test(id)) throw new TypeError('postgres: a record id is 64 hexadecimal digits');
  return String(BigInt.asIntN(64, BigInt(`0x${id.slice(0, 16)}`)));
}

const insertedColumns = [...claimedColumns, 'retention', ...outcomeColumns] as const;

// Where the transaction is not that of the look any more, the record would be committed alone.
function insertStatement({ records }: TableNames): Statement {
  const now = 'clock_timestamp()';
  return steadyStatement(
    [...insertedColumns, 'began'],
    ({
      a,
    }) => `${insertInto(records)} SELECT ${insertedValues(a, now, now)} WHERE coalesce(${a.began}, ${began}) = ${began}
      ON CONFLICT (id) DO NOTHING RETURNING ${unixMs('r.completed_at')} AS completed`,
  );
}

// Where the transaction is committed at once, who was too late must fail. The server reads each value as what its column
// is; what happened when is reckoned from its clock, so that no row has to come back.
function insertKeptText({ records }: TableNames): string {
  const columns = [...insertedColumns, 'claimed', 'completed'] as const;
  const a = Object.fromEntries(columns.map((column, at) => [column, `$${at + 1}`])) as Values<(typeof columns)[number]>;
  const body = `decode(${a.body}, 'base64')`;
  return `${insertInto(records)} ${onlyRow(insertedValues({ ...a, body }, instantOf(a.claimed), instantOf(a.completed)))}`;
}

type Values<Column extends string> = Readonly<Record<Column, string>>;

function insertInto(records: string): string {
  return `INSERT INTO ${records} AS r (id, state, attempt, revision, token, fingerprint, first_seen_at, last_seen_at,
      completed_at, expires_at, scope, ${labels.join(', ')}, ${outcomeColumns.join(', ')})`;
}

// Written once, completed: whoever is not in this transaction never sees it in progress.
function insertedValues(a: Values<(typeof insertedColumns)[number]>, claimed: string, completed: string): string {
  return `decode(${a.id}, 'hex'), 'completed', 1, 2, ${a.token}, ${a.fingerprint}, ${claimed}, ${claimed},
      ${completed}, ${fromNow(a.retention)}, ${a.scope}::text[],
      ${labels.map((label) => a[label]).join(', ')}, ${outcomeValues(a).join(', ')}`;
}

/** A claim of what was not there: nothing is written before it is completed. */
interface Fresh {
  readonly ask: ClaimAsk;
  readonly session: string;
  /** When its transaction began; null where the look did not tell. */
  readonly began: string | null;
  /** When it was claimed, by the server's clock and by ours. */
  readonly atMs: number;
  readonly sinceMs: number;
}

/** The records of one transaction. */
class BoundRecords {
  readonly #server: Server;
  readonly #statements: BoundStatements;
  readonly #fresh = new Map<Token, Fresh>();
  readonly #execute: Executor;

  constructor(execute: Executor, names: TableNames, statements: BoundStatements) {
    this.#execute = execute;
    const runText = execute as Server['runText'];
    const run: Server['run'] = (one, calls) => runStatement(runText, one, calls);
    this.#server = { names, mostlyNew: true, run, runText };
    this.#statements = statements;
  }

  claim(ask: ClaimAsk): Promise<ClaimAnswer> {
    const { look, lock, state } = this.#statements;
    const first = this.#execute.keeping?.(null);
    if (first === undefined)
      return this.#server.runText(look(ask.id), []).then(([row]) => this.#lookedUp(ask, row ?? {}));
    const statements = [keptWith(lock, [lockOf(ask.id)]), keptWith(state, [ask.id], true)];
    return first(statements).then((rows) => this.#lookedUp(ask, toldByBoth(rows)));
  }

  #lookedUp(ask: ClaimAsk, { state, session, now, began: told }: Row): MaybePromise<ClaimAnswer> {
    if (state !== 'absent') return this.#claimThere(ask, state);
    const sinceMs = systemClock.monotonicMs();
    const begun = typeof told === 'string' ? told : null;
    this.#fresh.set(ask.token, { ask, session: String(session), began: begun, atMs: Number(now), sinceMs });
    return { kind: 'granted', attempt: 1, steps: [] };
  }

  async #claimThere(ask: ClaimAsk, state: unknown): Promise<ClaimAnswer> {
    // Who holds the lock may only be reading what has long been completed.
    if (state === 'held') return heldElsewhere(await this.read(ask.id));
    return onlyEntry(await claimAll(this.#server, this.#statements.claims, [ask]));
  }

  complete(ask: CompleteAsk): Promise<CompleteAnswer> {
    const fresh = this.#fresh.get(ask.token);
    if (fresh === undefined) return this.#completeThere(ask);
    const asked = [...claimedAsked(fresh.ask), durationText(ask.retentionMs), ...outcomeAsked(ask.id, ask.outcome)];
    const last = this.#execute.keeping?.(fresh.session);
    return last === undefined ? this.#insert(fresh, asked) : this.#insertKept(last, fresh, asked);
  }

  async #completeThere(ask: CompleteAsk): Promise<CompleteAnswer> {
    const answer = onlyEntry(await completeAll(this.#server, this.#statements.owners, [prepareComplete(ask)]));
    if (answer.kind === 'lost') throw claimGone();
    return answer;
  }

  async #insert({ began: begun }: Fresh, asked: Asked): Promise<CompleteAnswer> {
    const [row] = await this.#server.run(this.#statements.insert, [[...asked, begun]]);
    if (row !== undefined) return { kind: 'stored', completedAtMs: numberOf(row, 'completed') };
    const [at] = await this.#server.runText(`SELECT ${began} AS began`, []);
    if (begun !== null && at?.['began'] !== begun) throw claimGone();
    // Somebody was quicker, without a lock.
    return { kind: 'lost' };
  }

  #insertKept(last: Keeping, { atMs, sinceMs }: Fresh, asked: Asked): Promise<CompleteAnswer> {
    const completedAtMs = Math.round(atMs + systemClock.monotonicMs() - sinceMs);
    const values = [...asked, String(atMs), String(completedAtMs)];
    return last([keptWith(this.#statements.insertKept, values)]).then(
      () => ({ kind: 'stored', completedAtMs }),
      (error: unknown) => {
        if (isOvertaken(error, this.#server.names)) return { kind: 'lost' };
        throw error;
      },
    );
  }

  async read(id: RecordId): Promise<StoredRecord | undefined> {
    return onlyEntry(await readAll(this.#server, this.#statements.read, [id]));
  }
}

function keptWith({ name, text }: Named, values: KeptStatement['values'], ages = false): KeptStatement {
  return { name, text, values, ages };
}

/** What both statements of the look have told. */
function toldByBoth([locked = {}, found = {}]: readonly object[]): Row {
  const { got, session, now } = locked as Row;
  const { state = 'absent' } = found as Row;
  return { state: got === 'true' ? state : 'held', session, now };
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
