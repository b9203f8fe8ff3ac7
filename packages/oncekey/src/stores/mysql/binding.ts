/**
 * Records from inside an open transaction of the user's (I9): effect and outcome commit
 * together or not at all. The claimed row, not yet committed, is what stands in a duplicate's
 * way: it is asked for with NOWAIT, so that nobody ever waits for it. Between that
 * question and the row's insertion a named lock stands in its place. Under READ COMMITTED, which
 * the adapters begin with, no gap is locked; under a stricter level transactions may deadlock.
 */
import type { ClaimAnswer, ClaimAsk, CompleteAnswer, Executor, Store, StoredRecord } from '../../core/store.ts';
import { IdempotencyError } from '../../core/errors.ts';
import type { BatchEntry } from '../coalesce.ts';
import { claimGone } from '../claim-gone.ts';
import { heldElsewhere } from '../held-elsewhere.ts';
import { Claiming } from './claim.ts';
import type { Answered, Cell, Spelled } from './client.ts';
import type { Run, Statements } from './database.ts';
import { completeAll, prepareCompletion } from './ownership.ts';
import { readRecords } from './reading.ts';
import { literal } from './statement.ts';

// The server itself refuses a larger packet than it takes, and the transaction is over.
const unlimited = Number.MAX_SAFE_INTEGER;
// Lock wait timeout (MariaDB's word for a row that NOWAIT found taken) and MySQL's own.
const taken: ReadonlySet<unknown> = new Set([1205, 3572]);

/** {@link Store.bind}. Statements are sent once: an error ends the transaction. */
export function bind(execute: Executor, table: string): Pick<Store, 'claim' | 'complete' | 'read'> {
  const run: Run = (statement) => runIn(execute, statement);
  const db: Statements = { run };
  const place = { db, table };
  const claiming = new Claiming(place, ' FOR UPDATE NOWAIT');
  const read = async (id: string): Promise<StoredRecord | undefined> => only(await readRecords(run, table, [id]));
  return {
    claim: (ask) => claimAlone(execute, claiming, read, ask),
    complete: async (ask): Promise<CompleteAnswer> => {
      const answer = only(await completeAll(place, [prepareCompletion(ask, unlimited)]));
      if (answer.kind === 'lost') throw claimGone();
      return answer;
    },
    read,
  };
}

async function claimAlone(
  execute: Executor,
  claiming: Claiming,
  read: (id: string) => Promise<StoredRecord | undefined>,
  ask: ClaimAsk,
): Promise<ClaimAnswer> {
  const name = literal(`oncekey ${ask.id.slice(0, 48)}`);
  const [locked] = await execute(`SELECT CAST(GET_LOCK(${name}, 0) AS CHAR) AS free`, []);
  // Who is at it may only be reading what has long been completed.
  if (String((locked as { free?: unknown } | undefined)?.free) !== '1') return heldElsewhere(await read(ask.id));
  try {
    return only(await claiming.send([ask]));
  } catch (error) {
    if (!isTaken(error)) throw error;
    return heldElsewhere(await read(ask.id));
  } finally {
    // From here on the row itself stands in the way.
    await execute(`SELECT CAST(RELEASE_LOCK(${name}) AS CHAR) AS released`, []);
  }
}

/** Runs a statement with its values in the text, as the many-record form of the store does; what was written is asked for. */
async function runIn(execute: Executor, { sql, values = [] }: Spelled): Promise<Answered> {
  let at = 0;
  const rows = await execute(
    sql.replaceAll('?', () => literal(values[at++] ?? null)),
    [],
  );
  if (/^\s*SELECT/i.test(sql)) return { rows: rows.map((row) => Object.values(row) as Cell[]), affected: 0, told: 0 };
  const [did] = await execute(
    'SELECT CAST(ROW_COUNT() AS CHAR) AS affected, CAST(LAST_INSERT_ID() AS CHAR) AS told',
    [],
  );
  const { affected, told } = (did ?? {}) as { affected?: unknown; told?: unknown };
  return { rows: [], affected: Number(affected ?? 0), told: Number(told ?? 0) };
}

interface Wrapped {
  readonly errno?: unknown;
  readonly cause?: unknown;
  readonly driverError?: unknown;
  readonly original?: unknown;
}

// Libraries wrap the driver's errors.
function isTaken(error: unknown): boolean {
  let one = error as Wrapped | null | undefined;
  for (let depth = 0; depth < 4 && typeof one === 'object' && one !== null; depth++) {
    if (taken.has(one.errno)) return true;
    one = (one.cause ?? one.driverError ?? one.original) as Wrapped | undefined;
  }
  return false;
}

function only<T>([entry]: readonly BatchEntry<T>[]): T {
  if (entry === undefined) {
    const message = 'the database answered nothing to a statement that has an answer; begin the transaction anew';
    throw new IdempotencyError('store_unavailable', message, { phase: 'other' });
  }
  if ('error' in entry) throw entry.error;
  return entry.answer;
}
