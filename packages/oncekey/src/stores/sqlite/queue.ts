/**
 * Gathers the calls of a tick into one transaction. First all that reading can answer is
 * answered without the write lock; the rest is written in the order it came. Another
 * process's lock is never waited for inside SQLite, which would stand the event loop
 * still, but by trying again a little later, until the busy timeout is over.
 */
import { randomInt } from 'node:crypto';
import { scheduler } from 'node:timers/promises';
import { type Clock, systemClock } from '../../core/clock.ts';
import type { RecordId } from '../../core/store.ts';
import type { Connection, Source } from './connection.ts';
import { isBusy, openTransaction, storeError, unusable } from './failure.ts';
import { undo, writeTogether } from './transaction.ts';
import { type Call, Waiting } from './waiting.ts';

/** What a queue is made of. */
export interface QueueOptions {
  readonly source: Source;
  /** Judges leases and retention. */
  readonly clock: Clock;
  /** How long a call waits for other connections before it fails with `store_unavailable`. */
  readonly busyTimeoutMs: number;
  /** Hears which record may have changed. */
  readonly written: (id: RecordId) => void;
}

const callsPerTurn = 256;
/** Reading in one go is bounded in time, since the event loop stands still meanwhile. */
const lookMs = 8;
const longestRetryMs = 20;
/** So many claims granted in a row, and the next ones are written without being looked at first. */
const freshClaims = 64;

/** The calls of one store, answered in turns. */
export class CallQueue {
  readonly #options: QueueOptions;
  #connection: Connection | undefined;
  #arrived: Waiting[] = [];
  #toWrite: Waiting[] = [];
  /** How many of `toWrite` are about each record. */
  readonly #beingWritten = new Map<RecordId, number>();
  #turnPending = false;
  #retryPending = false;
  #retries = 0;
  #grantedInARow = 0;
  #closed = false;
  readonly #whenIdle: (() => void)[] = [];

  constructor(options: QueueOptions) {
    this.#options = options;
  }

  /** Does the call in the next turn. Rejects at once when the store is closed or the user's transaction is open. */
  add<T>(call: Call<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#closed) throw unusable('the store is closed; open it again');
      if (this.#options.source.occupied()) throw openTransaction();
      this.#arrived.push(new Waiting(call, resolve, reject) as Waiting);
      this.#schedule();
    });
  }

  /** Takes no more calls, finishes what was added and closes the connection, unless it is the user's. */
  async close(): Promise<void> {
    this.#closed = true;
    await new Promise<void>((resolve) => {
      this.#whenIdle.push(resolve);
      this.#schedule();
    });
    this.#connection = undefined;
    try {
      this.#options.source.close();
    } catch (error) {
      throw storeError(error, 'other', 'cannot close the database');
    }
  }

  // Not a microtask: all requests that came in with one poll of the sockets share a transaction.
  #schedule(): void {
    if (this.#turnPending) return;
    this.#turnPending = true;
    setImmediate(() => {
      this.#turnPending = false;
      this.#turn();
    });
  }

  #turn(): void {
    const { source } = this.#options;
    try {
      if (this.#isIdle()) return;
      if (source.occupied()) throw openTransaction();
      source.withoutWaiting(() => this.#serve());
    } catch (error) {
      this.#fail(this.#arrived.splice(0), error);
      this.#failWrites(0, this.#toWrite.length, error);
    } finally {
      if (this.#arrived.length > 0 || (this.#toWrite.length > 0 && !this.#retryPending)) this.#schedule();
      if (this.#isIdle()) for (const tell of this.#whenIdle.splice(0)) tell();
    }
  }

  #isIdle(): boolean {
    return this.#arrived.length + this.#toWrite.length === 0;
  }

  #serve(): void {
    const connection = this.#connect();
    if (connection === undefined) return;
    if (this.#arrived.length > 0) this.#look(connection);
    if (this.#toWrite.length > 0) this.#write(connection);
  }

  #connect(): Connection | undefined {
    try {
      this.#connection ??= this.#options.source.connect();
    } catch (error) {
      if (!isBusy(error)) throw error;
      for (const call of this.#arrived.splice(0)) this.#postpone(call);
      this.#retryLater(error);
    }
    return this.#connection;
  }

  #look(connection: Connection): void {
    const untilMs = systemClock.monotonicMs() + lookMs;
    const nowMs = this.#nowMs();
    let looked = 0;
    connection.statements.begin.run();
    try {
      for (const call of this.#arrived.slice(0, callsPerTurn)) {
        if (looked > 0 && systemClock.monotonicMs() > untilMs) break;
        looked++;
        if (!this.#isAnswered(call, connection, nowMs)) this.#postpone(call);
      }
      connection.statements.commit.run();
    } catch (error) {
      undo(connection);
      throw error;
    } finally {
      this.#arrived.splice(0, looked);
    }
  }

  #isAnswered(waiting: Waiting, connection: Connection, nowMs: number): boolean {
    const { id, wasReadable } = waiting.call;
    if (id !== undefined && this.#beingWritten.has(id)) return false;
    // Where every key is new, looking finds nothing; the claim itself finds what is there just as well.
    if (wasReadable !== undefined && this.#grantedInARow >= freshClaims) return false;
    try {
      return waiting.look(connection, nowMs);
    } catch (error) {
      if (isBusy(error)) return false;
      this.#fail([waiting], error);
      return true;
    }
  }

  #postpone(waiting: Waiting): void {
    this.#toWrite.push(waiting);
    const { id } = waiting.call;
    if (id !== undefined) this.#beingWritten.set(id, (this.#beingWritten.get(id) ?? 0) + 1);
  }

  #write(connection: Connection): void {
    const written = writeTogether(connection, this.#toWrite.slice(0, callsPerTurn), () => this.#nowMs());
    if (written.kind !== 'committed' && this.#lookAgain()) return;
    if (written.kind === 'busy') {
      this.#retryLater(written.error);
      return;
    }
    this.#retries = 0;
    if (written.kind === 'failed') {
      this.#failWrites(written.first, written.end, written.error);
      return;
    }
    const done = this.#takeWrites(0, written.count);
    for (const waiting of done) {
      if (waiting.wasReadable === false) this.#grantedInARow++;
      else if (waiting.wasReadable === true) this.#grantedInARow = 0;
      waiting.tell();
    }
    for (const { call } of done) if (call.id !== undefined) this.#options.written(call.id);
  }

  // What reading can answer is neither to wait for somebody else's lock nor to fail because a disk is full.
  #lookAgain(): boolean {
    if (this.#grantedInARow < freshClaims) return false;
    this.#grantedInARow = 0;
    this.#arrived = [...this.#takeWrites(0, this.#toWrite.length), ...this.#arrived];
    return true;
  }

  #takeWrites(first: number, end: number): Waiting[] {
    const taken = this.#toWrite.splice(first, end - first);
    if (this.#toWrite.length === 0) this.#beingWritten.clear();
    else for (const { call } of taken) this.#forget(call.id);
    return taken;
  }

  #forget(id: RecordId | undefined): void {
    if (id === undefined) return;
    const left = (this.#beingWritten.get(id) ?? 1) - 1;
    if (left === 0) this.#beingWritten.delete(id);
    else this.#beingWritten.set(id, left);
  }

  #failWrites(first: number, end: number, error: unknown): void {
    this.#fail(this.#takeWrites(first, end), error);
  }

  #fail(calls: readonly Waiting[], error: unknown): void {
    for (const { call, reject } of calls) reject(storeError(error, call.phase, 'the database cannot serve'));
  }

  // Not the injected clock's timer: that one may stand still in a test, and never keeps a process alive.
  #retryLater(error: unknown): void {
    const overdueMs = systemClock.monotonicMs() - this.#options.busyTimeoutMs;
    const fresh = this.#toWrite.findIndex((call) => call.sinceMs > overdueMs);
    this.#failWrites(0, fresh === -1 ? this.#toWrite.length : fresh, error);
    if (this.#retryPending || this.#toWrite.length === 0) return;
    this.#retryPending = true;
    const retry = (): void => {
      this.#retryPending = false;
      this.#turn();
    };
    this.#retries++;
    scheduler.wait(randomInt(1, 2 + Math.min(longestRetryMs, this.#retries))).then(retry, retry);
  }

  #nowMs(): number {
    return Math.floor(this.#options.clock.nowMs());
  }
}
