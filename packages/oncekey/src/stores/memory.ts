/**
 * Records in this process's memory: answers at once, without promises. It keeps I1–I3,
 * I6, I13–I15 by being the only one who touches its map. Its limits, plainly: it sees one
 * process only (two workers with a memory store each protect nothing from each other), all
 * is gone when the process ends, and over its bounds completed records go before their
 * retention is over: a retry that comes after that runs again.
 */
import { systemClock, type Clock } from '../core/clock.ts';
import type {
  ClaimAnswer,
  ClaimAsk,
  CompleteAnswer,
  CompleteAsk,
  DurationMs,
  EraseAnswer,
  ExtendAnswer,
  ListAsk,
  ListPage,
  Note,
  RecordId,
  ReleaseAnswer,
  ResolveAnswer,
  ResolveAsk,
  SavedStep,
  SaveStepAnswer,
  Store,
  StoredRecord,
  SweepAnswer,
  Token,
} from '../core/store.ts';
import { erase, list, resolve } from './in-process/operating.ts';
import { claim, complete, extend, release, saveStep } from './in-process/ownership.ts';
import type { RecordKeeping } from './in-process/record-keeping.ts';
import { RecordTable } from './in-process/record-table.ts';
import { note, put, read, sweep } from './in-process/upkeep.ts';
import { Watchers } from './in-process/watchers.ts';

/** Bounds of a memory store. */
export interface MemoryOptions {
  /** At most so many records; default 100 000. */
  readonly maxRecords?: number;
  /** At most so many bytes, estimated; default 64 MiB. */
  readonly maxBytes?: number;
  /** Judges leases and retention; default the machine's clock. */
  readonly clock?: Clock;
}

/** A store that answers every method at once: {@link Store} without promises and with all that is optional. */
export interface MemoryStore extends Store {
  claim(ask: ClaimAsk): ClaimAnswer;
  extend(id: RecordId, token: Token, leaseMs: number): ExtendAnswer;
  complete(ask: CompleteAsk): CompleteAnswer;
  release(id: RecordId, token: Token, keepMs: DurationMs): ReleaseAnswer;
  read(id: RecordId): StoredRecord | undefined;
  saveStep(id: RecordId, token: Token, step: SavedStep): SaveStepAnswer;
  put(record: StoredRecord): { readonly kind: 'put' | 'kept' };
  note(notes: readonly Note[]): void;
  list(ask: ListAsk): ListPage;
  resolve(ask: ResolveAsk): ResolveAnswer;
  erase(id: RecordId, keepMs: DurationMs): EraseAnswer;
  sweep(limit: number): SweepAnswer;
  watch(id: RecordId, changed: () => void): () => void;
  check(): void;
  close(): void;
}

/**
 * A store in memory for one process: tests, development, the hot tier, single-process services that accept
 * that a restart forgets. When unfinished records alone fill the bounds, a claim throws `store_unavailable`.
 * Throws a TypeError for a bound that is not a positive number.
 */
export function memory(options: MemoryOptions = {}): MemoryStore {
  const { maxRecords = 100_000, maxBytes = 64 * 1024 * 1024, clock = systemClock } = options;
  checkBound('maxRecords', maxRecords);
  checkBound('maxBytes', maxBytes);
  const bounds = { maxRecords, maxBytes };
  const keeping: RecordKeeping = {
    table: new RecordTable(bounds),
    watchers: new Watchers(),
    clock: ticking(clock),
    bounds,
  };
  return {
    name: 'memory',
    claim: (ask) => claim(keeping, ask),
    extend: (id, token, leaseMs) => extend(keeping, id, token, leaseMs),
    complete: (ask) => complete(keeping, ask),
    release: (id, token, keepMs) => release(keeping, id, token, keepMs),
    read: (id) => read(keeping, id),
    saveStep: (id, token, step) => saveStep(keeping, id, token, step),
    put: (record) => put(keeping, record),
    note: (notes) => note(keeping, notes),
    list: (ask) => list(keeping, ask),
    resolve: (ask) => resolve(keeping, ask),
    erase: (id, keepMs) => erase(keeping, id, keepMs),
    sweep: (limit) => sweep(keeping, limit),
    watch: (id, changed) => keeping.watchers.add(id, changed),
    check() {},
    close() {
      keeping.table.clear();
      keeping.watchers.clear();
    },
  };
}

/** Whole milliseconds: small integers take no memory of their own in a record. */
function ticking(clock: Clock): Clock {
  return {
    nowMs: () => clock.nowMs(),
    monotonicMs: () => Math.floor(clock.monotonicMs()),
    after: (delayMs, fire) => clock.after(delayMs, fire),
  };
}

function checkBound(name: 'maxRecords' | 'maxBytes', value: number): void {
  if (!(value >= 1)) throw new TypeError(`memory: ${name} must be a positive number, not ${String(value)}`);
}
