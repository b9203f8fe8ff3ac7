/**
 * Effect and outcome in one commit of the user's own database (I9): no lease, no heartbeat,
 * nothing to clean up after a crash. A duplicate meanwhile is told at once. A conflict of
 * transactions runs again; a commit whose reply was lost is resolved by reading, never
 * assumed. Which statements do it is the store's.
 */
import { randomInt } from 'node:crypto';
import { type Bound, bindTo, claimIn, RolledBack, type Told, Unanswered, underWay } from '../atomic/claim.ts';
import { committedBy, isHeldIn } from '../atomic/commit.ts';
import { isRefusal } from '../atomic/conflict.ts';
import { type AtomicDatabase, checkDatabase } from '../atomic/database.ts';
import { TransactionWork } from '../atomic/work.ts';
import type { Clock } from '../core/clock.ts';
import type { Engine, Intent } from '../core/engine.ts';
import { IdempotencyError } from '../core/errors.ts';
import type { ValueOutcome } from '../core/outcome.ts';
import { pause } from '../core/guard.ts';
import type { RecordId, Store, StoredRecord } from '../core/store.ts';
import { freshToken } from '../core/token.ts';
import { asWork } from './as-work.ts';
import { checkCall } from './check-call.ts';
import { intentOf } from './intent.ts';
import type { OperationCall, RunResult } from './once.ts';
import { choose, type Choices } from './options.ts';
import { factsOf } from './record.ts';
import { replayed, valueOf, valueOutcome } from './result.ts';

/** So often a transaction that met a conflict is run in all. */
const maxTries = 8;

/** What atomic runs are made of. */
export interface AtomicParts {
  readonly store: Store;
  readonly engine: Engine;
  readonly clock: Clock;
  readonly choices: Choices;
  /** Records whose transaction is under way in this process: a duplicate of one needs no connection to be told so. */
  readonly running: Set<RecordId>;
  /** The check that is under way; null once it has been passed. */
  checked: Promise<void> | null | undefined;
  /** Asks the store whether it can serve. */
  check(): Promise<void>;
  /** Reads the record outside of any transaction. */
  read(id: RecordId): Promise<StoredRecord | undefined>;
}

/** Runs `act` and stores its result in one transaction of `db`, or tells what a duplicate is told. */
export async function runAtomic<Tx, T>(
  parts: AtomicParts,
  db: AtomicDatabase<Tx>,
  call: OperationCall,
  act: (tx: Tx) => T | Promise<T>,
): Promise<RunResult<T>> {
  const { clock } = parts;
  checkDatabase(db);
  checkCall(call, act);
  const choices = choose(call, parts.choices);
  const intent = intentOf(call, choices);
  if (parts.checked !== null) await checkOnce(parts);
  const untilMs = clock.monotonicMs() + (choices.inProgress === 'wait' ? choices.waitMs : 0);
  for (let conflicts = 0; ;) {
    // One after the other: each is a whole transaction.
    // oxlint-disable-next-line no-await-in-loop
    const tried = await once(parts, db, intent, choices, act);
    if (tried.kind === 'done') return tried.result;
    if (tried.kind === 'told') {
      const { told } = tried;
      if (told.kind !== 'in-progress' || clock.monotonicMs() >= untilMs) {
        await parts.engine.told(intent, told);
        return replayed(intent, told);
      }
    } else if (++conflicts >= maxTries) throw tried.error;
    await pause(clock, randomInt(2, 10 * (conflicts + 1)));
  }
}

// A missing table is told by name, and not from inside a transaction.
async function checkOnce(parts: AtomicParts): Promise<void> {
  parts.checked ??= parts.check();
  try {
    await parts.checked;
    parts.checked = null;
  } catch (error) {
    parts.checked = undefined;
    throw error;
  }
}

type Tried<T> =
  | { readonly kind: 'done'; readonly result: RunResult<T> }
  | { readonly kind: 'told'; readonly told: Told }
  | { readonly kind: 'conflict'; readonly error: unknown };

async function once<Tx, T>(
  parts: AtomicParts,
  db: AtomicDatabase<Tx>,
  intent: Intent,
  choices: Choices,
  act: (tx: Tx) => T | Promise<T>,
): Promise<Tried<T>> {
  const { id } = intent;
  if (parts.running.has(id)) return { kind: 'told', told: underWay };
  const token = freshToken();
  const ending: Ending<T> = {};
  parts.running.add(id);
  try {
    await db.transaction(
      (tx, execute) => within(bindTo(parts.store, execute), intent, choices, token, tx, act, ending),
      'by executing',
    );
    if (ending.result !== undefined) return { kind: 'done', result: ending.result };
    throw new TypeError('atomic: the database resolved its transaction without running it; check the adapter');
  } catch (error) {
    if (error instanceof RolledBack) return { kind: 'told', told: error.told };
    if (db.isConflict(error)) return { kind: 'conflict', error };
    const { stored, result } = ending;
    // All was stored, so it is the commit that failed, or only its reply.
    if ((result !== undefined || error instanceof Unanswered) && stored !== undefined)
      return resolveCommit(parts, db, intent, token, stored, error);
    throw error;
  } finally {
    parts.running.delete(id);
  }
}

/** What a transaction was to store. */
interface Stored {
  readonly attempt: number;
  readonly outcome: ValueOutcome;
}

/** Filled in once the work has ended. */
interface Ending<T> {
  stored?: Stored;
  /** Once nothing but the commit is left. */
  result?: RunResult<T>;
}

/** Runs `act` and stores its result through `bound`; whether it lasts is up to the transaction. */
export async function within<Tx, T>(
  bound: Bound,
  intent: Intent,
  choices: Choices,
  token: string,
  tx: Tx,
  act: (tx: Tx) => T | Promise<T>,
  ending: Ending<T> = {},
): Promise<RunResult<T>> {
  const attempt = await claimIn(bound, intent, token);
  const work = new TransactionWork(intent.id, token, attempt, tx);
  const value = await asWork(choices, work, () => act(tx));
  work.settled = true;
  const outcome = valueOutcome(value, choices.maxOutcomeBytes);
  ending.stored = { attempt, outcome };
  const stored = await bound.complete({ id: intent.id, token, outcome, retentionMs: intent.policy.retentionMs });
  if (stored.kind === 'lost') throw new RolledBack(underWay);
  return (ending.result = executed(intent, ending.stored, stored.completedAtMs));
}

function executed<T>({ id }: Intent, { attempt, outcome }: Stored, completedAtMs: number | null): RunResult<T> {
  return { status: 'executed', value: valueOf(outcome) as T, record: factsOf(id, attempt, completedAtMs, outcome) };
}

/** The commit failed, or its reply was lost: what the record says is what happened. */
async function resolveCommit<Tx, T>(
  { clock, store, read }: AtomicParts,
  db: AtomicDatabase<Tx>,
  intent: Intent,
  token: string,
  stored: Stored,
  error: unknown,
): Promise<Tried<T>> {
  const witness = { read: () => read(intent.id), isHeld: () => isHeldIn(db, store, intent) };
  const record = await committedBy(clock, token, witness).catch(unresolved);
  if (record !== undefined) return { kind: 'done', result: executed(intent, stored, record.completedAtMs) };
  // It was rolled back.
  if (isRefusal(error)) throw error;
  return { kind: 'conflict', error };
}

function unresolved(cause: unknown): never {
  const message =
    'the reply to the commit was lost and the record cannot be read; repeat with the same key to learn what happened';
  throw new IdempotencyError('store_unavailable', message, { phase: 'complete' }, { cause });
}
