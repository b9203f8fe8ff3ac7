/**
 * Records by id within bounds. Over a bound the completed record nearest to its end goes;
 * what is unfinished (in progress, abandoned or open) never does (I13). Records whose end
 * has come are absent to every reader and go a few at each claim, so that no timer is needed.
 */
import type { RecordId } from '../../core/store.ts';
import { EndQueue } from './end-queue.ts';
import type { HeldRecord } from './held-record.ts';
import { weigh } from './record-weight.ts';

/** How much a table may hold. */
export interface TableBounds {
  readonly maxRecords: number;
  readonly maxBytes: number;
}

/** The records of one store. */
export class RecordTable {
  readonly #bounds: TableBounds;
  readonly #records = new Map<RecordId, HeldRecord>();
  readonly #finished = new EndQueue();
  readonly #unfinished = new EndQueue();
  #bytes = 0;
  #finishedBytes = 0;

  constructor(bounds: TableBounds) {
    this.#bounds = bounds;
  }

  /** The record, unless its end has come. */
  get(id: RecordId, now: number): HeldRecord | undefined {
    const record = this.#records.get(id);
    return record !== undefined && record.endsAt > now ? record : undefined;
  }

  /** All records whose end has not come, in the order they were added. */
  *living(now: number): Generator<HeldRecord> {
    for (const record of this.#records.values()) if (record.endsAt > now) yield record;
  }

  /** Adds a record in place of an ended or older one of its id; false, and nothing changed, when there is no room. */
  add(record: HeldRecord): boolean {
    const replaced = this.#records.get(record.id);
    record.bytes = weigh(record);
    if (replaced === undefined ? !this.makeRoom(1, record.bytes) : !this.makeRoom(0, record.bytes - replaced.bytes)) {
      return false;
    }
    // Looked up again: making room may have taken it.
    const inTheWay = this.#records.get(record.id);
    if (inTheWay !== undefined) this.drop(inTheWay);
    this.#records.set(record.id, record);
    this.#enqueue(record);
    return true;
  }

  /** Applies `change`, which may alter anything but the id, and then keeps the bounds at the cost of other records. */
  alter(record: HeldRecord, change: () => void): void {
    this.#dequeue(record);
    change();
    record.bytes = weigh(record);
    // Out of every queue at this moment, so that what was just decided is not what goes.
    this.#evict(0, record.bytes);
    this.#enqueue(record);
  }

  /** Removes a record. */
  drop(record: HeldRecord): void {
    this.#dequeue(record);
    this.#records.delete(record.id);
  }

  /** Lets completed records go until so much more fits; false, and none gone, when even all of them would not do. */
  makeRoom(records: number, bytes: number): boolean {
    const { maxRecords, maxBytes } = this.#bounds;
    const unfinishedBytes = this.#bytes - this.#finishedBytes;
    if (this.#records.size - this.#finished.size + records > maxRecords || unfinishedBytes + bytes > maxBytes) {
      return false;
    }
    this.#evict(records, bytes);
    return true;
  }

  /** Removes at most `limit` records whose end has come and tells how many. */
  removeEnded(now: number, limit: number): number {
    let removed = 0;
    for (const queue of [this.#finished, this.#unfinished]) {
      for (
        let next = queue.first();
        removed < limit && next !== undefined && next.endsAt <= now;
        next = queue.first()
      ) {
        this.drop(next);
        removed++;
      }
    }
    return removed;
  }

  /** Whether a record is left whose end has come. */
  hasEnded(now: number): boolean {
    return (this.#finished.first()?.endsAt ?? Infinity) <= now || (this.#unfinished.first()?.endsAt ?? Infinity) <= now;
  }

  /** Forgets everything. */
  clear(): void {
    for (const record of this.#records.values()) this.drop(record);
  }

  #evict(records: number, bytes: number): void {
    const { maxRecords, maxBytes } = this.#bounds;
    while (this.#records.size + records > maxRecords || this.#bytes + bytes > maxBytes) {
      const nearest = this.#finished.first();
      if (nearest === undefined) return;
      this.drop(nearest);
    }
  }

  #enqueue(record: HeldRecord): void {
    const finished = record.stage === 'completed';
    this.#bytes += record.bytes;
    if (finished) this.#finishedBytes += record.bytes;
    (finished ? this.#finished : this.#unfinished).insert(record);
  }

  #dequeue(record: HeldRecord): void {
    this.#bytes -= record.bytes;
    if (record.queue === this.#finished) this.#finishedBytes -= record.bytes;
    record.queue?.remove(record);
  }
}
