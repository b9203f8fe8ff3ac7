/**
 * Records in the order in which they end: the nearest first, also when every record has
 * another retention. A heap of eight children a node: inserting in order of time, which
 * is the rule, costs one comparison, and removing touches few records. Knows no clock.
 */
import type { HeldRecord } from './held-record.ts';

const width = 8;

/** A priority queue by `endsAt`; a record is in at most one queue, and its `endsAt` stands still while it is. */
export class EndQueue {
  /** Beside the records, so that comparing does not reach into them. */
  #ends: Float64Array = new Float64Array(64);
  readonly #records: HeldRecord[] = [];

  get size(): number {
    return this.#records.length;
  }

  /** The record that ends next. */
  first(): HeldRecord | undefined {
    return this.#records[0];
  }

  /** Puts a record in its place. */
  insert(record: HeldRecord): void {
    const slot = this.#records.length;
    if (slot === this.#ends.length) {
      const wider = new Float64Array(slot * 2);
      wider.set(this.#ends);
      this.#ends = wider;
    }
    this.#records.push(record);
    record.queue = this;
    this.#rise(slot, record, record.endsAt);
  }

  /** Takes a record out, wherever it stands. */
  remove(record: HeldRecord): void {
    const { slot } = record;
    const last = this.#records.pop();
    record.queue = null;
    record.slot = -1;
    if (last === undefined || last === record) return;
    const parent = (slot - 1) >> 3;
    if (slot > 0 && last.endsAt < this.#end(parent)) this.#rise(slot, last, last.endsAt);
    else this.#sink(slot, last, last.endsAt);
  }

  #end(slot: number): number {
    return this.#ends[slot] ?? Infinity;
  }

  #place(slot: number, record: HeldRecord, end: number): void {
    this.#records[slot] = record;
    this.#ends[slot] = end;
    record.slot = slot;
  }

  #rise(from: number, record: HeldRecord, end: number): void {
    let slot = from;
    while (slot > 0) {
      const parent = (slot - 1) >> 3;
      const above = this.#records[parent];
      const aboveEnd = this.#end(parent);
      if (above === undefined || aboveEnd <= end) break;
      this.#place(slot, above, aboveEnd);
      slot = parent;
    }
    this.#place(slot, record, end);
  }

  #sink(from: number, record: HeldRecord, end: number): void {
    let slot = from;
    for (;;) {
      const child = this.#nearestChild(slot);
      const below = this.#records[child];
      const belowEnd = this.#end(child);
      if (below === undefined || belowEnd >= end) break;
      this.#place(slot, below, belowEnd);
      slot = child;
    }
    this.#place(slot, record, end);
  }

  #nearestChild(slot: number): number {
    let nearest = slot * width + 1;
    const past = Math.min(nearest + width, this.#records.length);
    for (let child = nearest + 1; child < past; child++) if (this.#end(child) < this.#end(nearest)) nearest = child;
    return nearest;
  }
}
