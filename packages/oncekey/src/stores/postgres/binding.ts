/**
 * Records from inside an open transaction of the user's (I9): effect and outcome commit
 * together or not at all. A lock that ends with the transaction stands before the record: who
 * does not get it is told at once that somebody else is at it, and no pool ever waits. Knows
 * statements only; when to begin and to commit is the caller's.
 */
import { systemClock } from '../../core/clock.ts';
import { IdempotencyError } from '../../core/errors.ts';
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
import { heldElsewhere } from '../held-elsewhere.ts';
import { type ClaimStatements, claimAll, claimedAsked, claimedColumns, claimStatements, labels } from './claim.ts';
import type { Row } from './client.ts';
import { durationText, fromNow, longestMs, unixMs } from './expressions.ts';
import type { TableNames } from './names.ts';
import { type OwnerStatements, completeAll, ownerStatements, prepareComplete } from './ownership.ts';
import { readAll, readStatement } from './reading.ts';
import { numberOf, outcomeAsked, outcomeColumns, outcomeValues } from './rows.ts';
import type { Server } from './server.ts';
import { type Statement, nameOf, runStatement, steadyStatement } from './statement.ts';

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
      pg_backend_pid()::text AS session, ${secondsOf('clock_timestamp()')}::text AS now`,
    lock: kept(`SELECT pg_try_advisory_xact_lock($1) AS got, pg_backend_pid() AS session,
      ${secondsOf('clock_timestamp()')} AS now`),
    state: kept(`SELECT r.state AS state FROM ${names.records} r WHERE r.id = $1`),
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
  /**
   * Takes the lock and tells the state, the server's process, to know whether a pooler is in between, and its clock.
   * Without parameters, so that it can be sent together with the transaction's beginning.
   */
  readonly look: (id: RecordId) => string;
  // The same where statements are kept prepared, which costs less than half: one after the other, since a statement
  // sees what was committed before it began, and the lock may have been set free after that.
  readonly lock: Named;
  readonly state: Named;
}

type Named = Pick<KeptStatement, 'name' | 'text'>;

function kept(text: string): Named {
  return { name: nameOf(text), text };
}

function secondsOf(instant: string): string {
  return `date_part('epoch', ${instant})`;
}

function lockOf(id: RecordId): string {
  if (!/^[\da-f]{64}$/.test(id)) throw new TypeError('postgres: a record id is 64 hexadecimal digits');
  return String(BigInt.asIntN(64, BigInt(`0x${id.slice(0, 16)}`)));
}

function insertStatement({ records }: TableNames): Statement {
  const now = 'clock_timestamp()';
  return steadyStatement([...claimedColumns, 'retention', ...outcomeColumns], ({ a, from }) => {
    const times = { claimed: now, completed: now, ends: fromNow(a.retention) };
    return `${insertText(records, a, { id: `decode(${a.id}, 'hex')`, ...times })}${from}
      ON CONFLICT (id) DO NOTHING RETURNING ${unixMs('r.completed_at')} AS completed`;
  });
}

// Where the transaction is committed at once, who was too late must fail. The server reads each value as what its column
// is; what happened when is reckoned from its clock, so that no row has to come back.
function insertKeptText({ records }: TableNames): string {
  const columns = [...claimedColumns, ...outcomeColumns, 'claimed', 'completed', 'ends'] as const;
  const a = Object.fromEntries(columns.map((column, at) => [column, `$${at + 1}`])) as Values<(typeof columns)[number]>;
  const [claimed, completed, ends] = [a.claimed, a.completed, a.ends].map((seconds) => `to_timestamp(${seconds})`);
  const body = `decode(${a.body}, 'base64')`;
  return insertText(records, { ...a, body }, { id: a.id, claimed, completed, ends } as Times);
}

type Values<Column extends string> = Readonly<Record<Column, string>>;
type Inserted = Values<(typeof claimedColumns)[number] | (typeof outcomeColumns)[number]>;

/** The id as bytes, and instants. */
type Times = Values<'id' | 'claimed' | 'completed' | 'ends'>;

// Written once, completed: whoever is not in this transaction never sees it in progress.
function insertText(records: string, a: Inserted, { id, claimed, completed, ends }: Times): string {
  return `INSERT INTO ${records} AS r (id, state, attempt, revision, token, fingerprint, first_seen_at, last_seen_at,
      completed_at, expires_at, scope, ${labels.join(', ')}, ${outcomeColumns.join(', ')})
    SELECT ${id}, 'completed', 1, 2, ${a.token}, ${a.fingerprint}, ${claimed}, ${claimed}, ${completed}, ${ends},
      ${a.scope}::text[], ${labels.map((label) => a[label]).join(', ')}, ${outcomeValues(a).join(', ')}`;
}

/** A claim of what was not there: nothing is written before it is completed. */
interface Fresh {
  readonly ask: ClaimAsk;
  readonly session: string;
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
    return this.#look(ask.id).then(({ state, session, now }) => {
      if (state !== 'absent') return this.#claimThere(ask, state);
      const sinceMs = systemClock.monotonicMs();
      this.#fresh.set(ask.token, { ask, session: String(session), atMs: Math.round(Number(now) * 1000), sinceMs });
      return { kind: 'granted', attempt: 1, steps: [] };
    });
  }

  async #claimThere(ask: ClaimAsk, state: unknown): Promise<ClaimAnswer> {
    // Who holds the lock may only be reading what has long been completed.
    if (state === 'held') return heldElsewhere(await this.read(ask.id));
    return onlyEntry(await claimAll(this.#server, this.#statements.claims, [ask]));
  }

  #look(id: RecordId): Promise<Row> {
    const { look, lock, state } = this.#statements;
    const first = this.#execute.keeping?.(null);
    if (first === undefined) return this.#server.runText(look(id), []).then(([row]) => row ?? {});
    return first([keptWith(lock, [lockOf(id)]), keptWith(state, [bytea(id)], true)]).then(lookedUp);
  }

  complete(ask: CompleteAsk): Promise<CompleteAnswer> {
    const fresh = this.#fresh.get(ask.token);
    if (fresh === undefined) return this.#completeThere(ask);
    const last = this.#execute.keeping?.(fresh.session);
    return last === undefined ? this.#insert(fresh, ask) : this.#insertKept(last, fresh, ask);
  }

  async #completeThere(ask: CompleteAsk): Promise<CompleteAnswer> {
    return onlyEntry(await completeAll(this.#server, this.#statements.owners, [prepareComplete(ask)]));
  }

  async #insert(fresh: Fresh, { id, outcome, retentionMs }: CompleteAsk): Promise<CompleteAnswer> {
    const asked = [...claimedAsked(fresh.ask), durationText(retentionMs), ...outcomeAsked(id, outcome)];
    const [row] = await this.#server.run(this.#statements.insert, [asked]);
    // Somebody was quicker: he committed between our look and our lock.
    return row === undefined ? { kind: 'lost' } : { kind: 'stored', completedAtMs: numberOf(row, 'completed') };
  }

  #insertKept(
    last: NonNullable<ReturnType<NonNullable<Executor['keeping']>>>,
    { ask, atMs, sinceMs }: Fresh,
    { id, outcome, retentionMs }: CompleteAsk,
  ): Promise<CompleteAnswer> {
    const completedAtMs = Math.round(atMs + systemClock.monotonicMs() - sinceMs);
    const endsMs = retentionMs === null ? null : completedAtMs + Math.min(retentionMs, longestMs);
    const [, ...claimed] = claimedAsked(ask);
    const times = [atMs, completedAtMs, endsMs].map((ms) => (ms === null ? null : String(ms / 1000)));
    const values = [bytea(id), ...claimed, ...outcomeAsked(id, outcome), ...times];
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

/** An id as PostgreSQL reads bytes. */
function bytea(id: RecordId): string {
  return `\\x${id}`;
}

function keptWith({ name, text }: Named, values: KeptStatement['values'], ages = false): KeptStatement {
  return { name, text, values, ages };
}

/** What both statements of the look have told. */
function lookedUp([locked = {}, found = {}]: readonly object[]): Row {
  const { got, session, now } = locked as Row;
  const { state = 'absent' } = found as Row;
  // As the server wrote it, or as a library has read it.
  return { state: got === 't' || got === true ? state : 'held', session, now };
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
