/**
 * Records in a SQLite file: the embedded default, durable, for any number of processes on
 * one machine. It keeps I1–I3, I5, I6 and I13–I15 by conditional one-row writes inside
 * `BEGIN IMMEDIATE`. The machine's wall clock judges leases and retention, since processes
 * must agree about them: one machine, one clock, and no file on a network file system.
 */
import { type Clock, systemClock } from '../core/clock.ts';
import type { ListAsk, ListPage, Note, Store, SweepAnswer } from '../core/store.ts';
import { checkListLimit } from './in-process/record-rules.ts';
import { Watchers } from './in-process/watchers.ts';
import { bind } from './sqlite/binding.ts';
import { fileSource, handleSource } from './sqlite/connection.ts';
import type { SqliteHandle, Synchronous } from './sqlite/driver.ts';
import { erase, note, put, resolve, sweep } from './sqlite/operating.ts';
import { claim, complete, extend, lookAtClaim, release, saveStep } from './sqlite/ownership.ts';
import { CallQueue } from './sqlite/queue.ts';
import { listPage, listSlice, readRecord } from './sqlite/reading.ts';
import type { WholeStore } from './whole-store.ts';

export type { SqliteHandle, SqliteStatement, SqliteValue, Synchronous } from './sqlite/driver.ts';
export { migrate, schema } from './sqlite/schema.ts';

/** How a SQLite store behaves. */
export interface SqliteOptions {
  /** With a path: `full` (default) survives loss of power, `normal` may lose the last commits. A handle keeps its own. */
  readonly synchronous?: Synchronous;
  /** How long a call waits for other connections before it fails with `store_unavailable`; default 2000 ms. */
  readonly busyTimeoutMs?: number;
  /** Judges leases and retention; default the machine's clock. All processes on a file need the same time. */
  readonly clock?: Clock;
}

/** {@link Store} with promises and with all that is optional. */
export type SqliteStore = WholeStore & Required<Pick<Store, 'watch' | 'bind'>>;

/** Removing is cut into transactions of so many records. */
const sweptAtOnce = 100;

/**
 * A store in a SQLite database: a file path (made with its folder when missing; a connection of its own, write-ahead
 * log) or an open handle of `better-sqlite3` or `node:sqlite`, used as it is configured and never closed. Tables are
 * made at the first call, which is also when a file that cannot be used is told: `store_unusable`. Calls of one tick
 * share a transaction; a call made while a transaction is open on the handle is refused. Throws a TypeError for a
 * wrong option.
 */
export function sqlite(target: string | SqliteHandle, options: SqliteOptions = {}): SqliteStore {
  const { synchronous = 'full', busyTimeoutMs = 2000, clock = systemClock } = options;
  checkOptions(target, synchronous, busyTimeoutMs);
  const source = typeof target === 'string' ? fileSource(target, synchronous) : handleSource(target);
  const watchers = new Watchers();
  const queue = new CallQueue({ source, clock, busyTimeoutMs, written: (id) => watchers.tell(id) });
  return {
    name: 'sqlite',
    ...ownerMethods(queue),
    ...otherMethods(queue),
    watch: (id, changed) => watchers.add(id, changed),
    bind: (execute) => bind(execute, clock),
    async close() {
      await queue.close();
      watchers.clear();
    },
  };
}

type OwnerMethods = Pick<SqliteStore, 'claim' | 'extend' | 'complete' | 'release' | 'saveStep'>;
type OtherMethods = Omit<SqliteStore, keyof OwnerMethods | 'name' | 'watch' | 'bind' | 'close'>;

function ownerMethods(queue: CallQueue): OwnerMethods {
  return {
    claim: (ask) =>
      queue.add({
        phase: 'claim',
        id: ask.id,
        look(connection, nowMs) {
          const answer = lookAtClaim(connection, ask, nowMs);
          return answer && { answer };
        },
        write: (connection, nowMs) => claim(connection, ask, nowMs),
        wasReadable: (answer) => answer.kind !== 'granted',
      }),
    extend: (id, token, leaseMs) =>
      queue.add({
        phase: 'work',
        id,
        write: (connection, nowMs) => extend(connection, id, token, leaseMs, nowMs),
      }),
    complete: (ask) =>
      queue.add({
        phase: 'complete',
        id: ask.id,
        bytes: 'body' in ask.outcome ? ask.outcome.body.byteLength : 0,
        write: (connection, nowMs) => complete(connection, ask, nowMs),
      }),
    release: (id, token, keepMs) =>
      queue.add({
        phase: 'complete',
        id,
        write: (connection, nowMs) => release(connection, id, token, keepMs, nowMs),
      }),
    saveStep: (id, token, step) =>
      queue.add({
        phase: 'work',
        id,
        bytes: step.bytes.byteLength,
        write: (connection, nowMs) => saveStep(connection, id, token, step, nowMs),
      }),
  };
}

function otherMethods(queue: CallQueue): OtherMethods {
  return {
    read: (id) =>
      queue.add({
        phase: 'other',
        id,
        look: (connection, nowMs) => ({ answer: readRecord(connection, id, nowMs) }),
        write: (connection, nowMs) => readRecord(connection, id, nowMs),
      }),
    put: (record) =>
      queue.add({
        phase: 'other',
        id: record.id,
        write: (connection, nowMs) => put(connection, record, nowMs),
      }),
    note: (notes) => noteAll(queue, notes),
    list: (ask) => listAll(queue, ask),
    resolve: (ask) =>
      queue.add({ phase: 'other', id: ask.id, write: (connection, nowMs) => resolve(connection, ask, nowMs) }),
    erase: (id, keepMs) =>
      queue.add({ phase: 'other', id, write: (connection, nowMs) => erase(connection, id, keepMs, nowMs) }),
    sweep: (limit) => sweepAll(queue, limit),
    check: () => queue.add({ phase: 'start', write: ({ statements }) => void statements.proveWritable.run() }),
  };
}

async function noteAll(queue: CallQueue, notes: readonly Note[]): Promise<void> {
  await Promise.all(
    notes.map((one) =>
      queue.add({ phase: 'other', id: one.id, write: (connection, nowMs) => note(connection, one, nowMs) }),
    ),
  );
}

async function listAll(queue: CallQueue, ask: ListAsk): Promise<ListPage> {
  checkListLimit(ask.limit);
  return listPage(ask, (after, limit) =>
    queue.add({
      phase: 'other',
      look: (connection, nowMs) => ({ answer: listSlice(connection, ask, after, limit, nowMs) }),
      write: (connection, nowMs) => listSlice(connection, ask, after, limit, nowMs),
    }),
  );
}

async function sweepAll(queue: CallQueue, limit: number): Promise<SweepAnswer> {
  let removed = 0;
  for (;;) {
    const atOnce = Math.min(limit - removed, sweptAtOnce);
    // One after the other, so that other calls come in between.
    // oxlint-disable-next-line no-await-in-loop
    const swept = await queue.add({
      phase: 'other',
      write: (connection, nowMs) => sweep(connection, atOnce, nowMs),
    });
    removed += swept.removed;
    if (!swept.more || removed >= limit) return { removed, more: swept.more };
  }
}

function checkOptions(target: unknown, synchronous: unknown, busyTimeoutMs: number): void {
  if (typeof target === 'string') {
    if (target === '' || target === ':memory:') {
      throw new TypeError('sqlite: target must be a file path or an open handle; for a store in memory use memory()');
    }
  } else {
    const { exec, prepare } = (target ?? {}) as Partial<SqliteHandle>;
    if (typeof exec !== 'function' || typeof prepare !== 'function') {
      throw new TypeError('sqlite: target must be a file path or an open handle with exec and prepare');
    }
  }
  if (synchronous !== 'full' && synchronous !== 'normal') {
    throw new TypeError("sqlite: options.synchronous must be 'full' or 'normal'");
  }
  if (!(busyTimeoutMs >= 0)) throw new TypeError('sqlite: options.busyTimeoutMs must be 0 or more');
}
