/**
 * The way of every call to the table: the server is looked at before the first one, errors
 * become the library's own, who watches a record is told, and a closed store takes no more.
 * Knows nothing of what a call does.
 */
import type { RecordId } from '../../core/store.ts';
import { Database, type Place } from './database.ts';
import type { MysqlPool } from './client.ts';
import { type Phase, storeError, unusable } from './failure.ts';
import { type Lanes, lanesTo } from './lanes.ts';
import { Watching } from './watching.ts';
import type { TableNames } from './names.ts';
import { lookAtAll } from './reading.ts';
import { inspect } from './check.ts';

/** What a call works with. */
export interface Opened {
  readonly place: Place;
  readonly lanes: Lanes;
}

/** One store's way to its table: looked at once before its first use, closed for good in the end. */
export class Access {
  readonly watching: Watching;
  readonly #db: Database;
  readonly #names: TableNames;
  #opened: Promise<Opened> | undefined;
  #closed = false;
  readonly #underWay = new Set<Promise<unknown>>();

  constructor(pool: MysqlPool, names: TableNames, timeoutMs: number) {
    this.#names = names;
    this.#db = new Database(pool, timeoutMs);
    this.watching = new Watching((ids) => lookAtAll(this.#db.run, names.records, ids));
  }

  /** Does a call. Rejects with this library's errors. */
  async do<T>(phase: Phase, call: (opened: Opened) => Promise<T>): Promise<T> {
    if (this.#closed) throw unusable('the store is closed; open it again');
    try {
      return await this.#follow(call(await this.#open()));
    } catch (error) {
      throw storeError(error, phase);
    }
  }

  /** Does a call that may change the record, and tells those who watch it. */
  async write<T>(id: RecordId, phase: Phase, call: (opened: Opened) => Promise<T>): Promise<T> {
    const answer = await this.do(phase, call);
    this.watching.tell(id);
    return answer;
  }

  /** Looks at the server again and proves that the table can be written to. */
  async check(): Promise<void> {
    this.#opened = undefined;
    // Changes nothing, but a server that only takes reads refuses it.
    await this.do('start', ({ place }) =>
      place.db.run({ sql: `UPDATE ${place.table} SET revision = revision WHERE record_number = 0` }),
    );
  }

  /** Takes no more calls and waits for those under way; the pool stays its owner's. */
  async close(): Promise<void> {
    this.#closed = true;
    this.watching.clear();
    await Promise.allSettled(this.#underWay);
  }

  #open(): Promise<Opened> {
    this.#opened ??= this.#lookAtServer();
    return this.#opened;
  }

  async #lookAtServer(): Promise<Opened> {
    try {
      const packetBytes = await inspect(this.#db.run, this.#names);
      const place = { db: this.#db, table: this.#names.records, packetBytes };
      return { place, lanes: lanesTo(place) };
    } catch (error) {
      this.#opened = undefined;
      throw error;
    }
  }

  #follow<T>(call: Promise<T>): Promise<T> {
    this.#underWay.add(call);
    const forget = (): void => void this.#underWay.delete(call);
    call.then(forget, forget);
    return call;
  }
}
