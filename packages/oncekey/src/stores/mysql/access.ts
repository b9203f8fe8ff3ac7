/**
 * The way of every call to the table: the server is looked at before the first one, errors
 * become the library's own, who watches a record is told, and a closed store takes no more.
 * Knows nothing of what a call does.
 */
import type { RecordId } from '../../core/store.ts';
import { Database, type Place } from './database.ts';
import type { MysqlPool } from './driver.ts';
import { type Phase, storeError, unusable } from './failure.ts';
import { type Lanes, lanesTo } from './lanes.ts';
import { Polling } from './polling.ts';
import { lookAtAll } from './reading.ts';
import { inspectServer } from './server.ts';

/** What a call works with. */
export interface Opened {
  readonly place: Place;
  readonly lanes: Lanes;
}

/** One store's way to its table: looked at once before its first use, closed for good in the end. */
export class Access {
  readonly polling: Polling;
  readonly #place: Place;
  readonly #table: string;
  #opened: Promise<Opened> | undefined;
  #closed = false;
  readonly #underWay = new Set<Promise<unknown>>();

  constructor(pool: MysqlPool, table: string) {
    this.#table = table;
    this.#place = { db: new Database(pool), table: `\`${table}\`` };
    this.polling = new Polling((ids) => lookAtAll(this.#place.db.run, this.#place.table, ids));
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
    this.polling.tell(id);
    return answer;
  }

  /** Looks at the server again and proves that the table can be written to. */
  async check(): Promise<void> {
    this.#opened = undefined;
    const { table } = this.#place;
    // Changes nothing, but a server that only takes reads refuses it.
    await this.do('start', ({ place }) =>
      place.db.run({ sql: `UPDATE ${table} SET revision = revision WHERE record_number = 0` }),
    );
  }

  /** Takes no more calls and waits for those under way; the pool stays its owner's. */
  async close(): Promise<void> {
    this.#closed = true;
    this.polling.clear();
    await Promise.allSettled(this.#underWay);
  }

  #open(): Promise<Opened> {
    this.#opened ??= this.#lookAtServer();
    return this.#opened;
  }

  async #lookAtServer(): Promise<Opened> {
    try {
      const limits = await inspectServer(this.#place.db.run, this.#table);
      return { place: this.#place, lanes: lanesTo(this.#place, limits) };
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
