/**
 * Records, by the numbers of their slots, in the order in which they end: the nearest
 * first, also when every record has another retention. A heap of eight children a node:
 * inserting in order of time, which is the rule, costs one comparison, and removing
 * touches few entries. Numbers only, so that an entry is no object. Knows no clock.
 */

const width = 8;

/** A priority queue of slots by the instant of their end. */
export class EndQueue {
  #size = 0;
  #ends: Float64Array<ArrayBuffer> = new Float64Array(64);
  #slots: Int32Array<ArrayBuffer> = new Int32Array(64);
  /** By slot: one more than its place above; 0 for a slot that is not queued. */
  #places: Int32Array<ArrayBuffer> = new Int32Array(64);

  get size(): number {
    return this.#size;
  }

  /** The slot that ends next; -1 when there is none. */
  first(): number {
    return this.#size === 0 ? -1 : this.#slotAt(0);
  }

  /** When the next one ends; Infinity when there is none. */
  firstEnd(): number {
    return this.#size === 0 ? Infinity : this.#endAt(0);
  }

  /** When a queued slot ends. */
  endOf(slot: number): number {
    return this.#endAt(this.#placeOf(slot));
  }

  /** Puts a slot in its place; it must not be queued yet. */
  insert(slot: number, end: number): void {
    if (this.#size === this.#ends.length) {
      this.#ends = wider(this.#ends, new Float64Array(this.#size * 2));
      this.#slots = wider(this.#slots, new Int32Array(this.#size * 2));
    }
    if (slot >= this.#places.length) this.#places = wider(this.#places, new Int32Array(slot * 2));
    this.#rise(this.#size++, slot, end);
  }

  /** Takes a slot out, wherever it stands; false when it is not queued. */
  remove(slot: number): boolean {
    const place = this.#placeOf(slot);
    if (place < 0) return false;
    this.#places[slot] = 0;
    const lastPlace = --this.#size;
    if (place === lastPlace) return true;
    const last = this.#slotAt(lastPlace);
    const end = this.#endAt(lastPlace);
    if (place > 0 && end < this.#endAt((place - 1) >> 3)) this.#rise(place, last, end);
    else this.#sink(place, last, end);
    return true;
  }

  #endAt(place: number): number {
    return this.#ends[place] ?? Infinity;
  }

  #slotAt(place: number): number {
    return this.#slots[place] ?? -1;
  }

  #placeOf(slot: number): number {
    return (this.#places[slot] ?? 0) - 1;
  }

  #put(place: number, slot: number, end: number): void {
    this.#slots[place] = slot;
    this.#ends[place] = end;
    this.#places[slot] = place + 1;
  }

  #rise(from: number, slot: number, end: number): void {
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >> 3;
      const parentEnd = this.#endAt(parent);
      if (parentEnd <= end) break;
      this.#put(place, this.#slotAt(parent), parentEnd);
      place = parent;
    }
    this.#put(place, slot, end);
  }

  #sink(from: number, slot: number, end: number): void {
    let place = from;
    for (;;) {
      const child = this.#nearestChild(place);
      if (child >= this.#size || this.#endAt(child) >= end) break;
      this.#put(place, this.#slotAt(child), this.#endAt(child));
      place = child;
    }
    this.#put(place, slot, end);
  }

  #nearestChild(place: number): number {
    let nearest = place * width + 1;
    const past = Math.min(nearest + width, this.#size);
    for (let child = nearest + 1; child < past; child++) if (this.#endAt(child) < this.#endAt(nearest)) nearest = child;
    return nearest;
  }
}

/** `wide` with the numbers of `narrow` at its beginning. */
function wider<T extends Float64Array | Int32Array>(narrow: T, wide: T): T {
  wide.set(narrow);
  return wide;
}
