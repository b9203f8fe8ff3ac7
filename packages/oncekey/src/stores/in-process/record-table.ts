/**
 * Records by id within bounds. Over a bound the completed record nearest to its end goes;
 * what is unfinished (in progress, abandoned or open) never does (I13). Records whose end
 * has come are absent to every reader and go a few at each claim, so that no timer is needed.
 * A record has a slot for life: an object in it while it is unfinished, one string after.
 */
import type { HeaderLine } from '../../core/outcome.ts';
import type { Completed, Labels, RecordId } from '../../core/store.ts';
import { EndQueue } from './end-queue.ts';
import { stateOf, type HeldRecord } from './held-record.ts';
import { answerOfPacked, labelsOfPacked, packRecord, unpackRecord, weighPacked, type Packed } from './packed-record.ts';
import { RecentLines } from './recent-lines.ts';
import type { Searched } from './record-rules.ts';
import { weigh } from './record-weight.ts';

/** How much a table may hold. */
export interface TableBounds {
  readonly maxRecords: number;
  readonly maxBytes: number;
}

/** What a search looks at, and where the record is. */
export interface Found extends Searched {
  readonly id: RecordId;
  readonly slot: number;
}

/** The records of one store. */
export class RecordTable {
  readonly #bounds: TableBounds;
  readonly #slots = new Map<RecordId, number>();
  readonly #recent = new RecentLines();
  #free: number[] = [];
  // By slot. The instants are those of packed records: when first seen, then when completed.
  #ids: RecordId[] = [];
  #contents: (HeldRecord | string | null)[] = [];
  #lines: (readonly HeaderLine[] | null)[] = [];
  #instants: Float64Array<ArrayBuffer> = new Float64Array(128);
  #finished = new EndQueue();
  #unfinished = new EndQueue();
  #bytes = 0;
  #finishedBytes = 0;

  constructor(bounds: TableBounds) {
    this.#bounds = bounds;
  }

  /** Where the record is; -1 when there is none or its end has come. */
  find(id: RecordId, now: number): number {
    const slot = this.#slots.get(id);
    return slot !== undefined && this.#endOf(slot) > now ? slot : -1;
  }

  /** The answer to a claim of a packed record, read straight from the string; undefined for a record that is an object. */
  answer(slot: number): Completed | undefined {
    const content = this.#contents[slot];
    if (typeof content !== 'string') return undefined;
    return answerOfPacked({ text: content, lines: this.#lines[slot] ?? null }, this.#instant(slot, 1));
  }

  /** The record at a place; of a packed one a copy, which {@link alter} puts back. */
  at(slot: number): HeldRecord | undefined {
    const content = this.#contents[slot];
    if (typeof content !== 'string') return content ?? undefined;
    const id = this.#ids[slot] ?? '';
    const firstSeenAtMs = this.#instant(slot, 0);
    const completedAtMs = this.#instant(slot, 1);
    const packed = { text: content, lines: this.#lines[slot] ?? null };
    return unpackRecord(packed, { id, slot, endsAt: this.#endOf(slot), firstSeenAtMs, completedAtMs });
  }

  /** The record, unless its end has come. */
  get(id: RecordId, now: number): HeldRecord | undefined {
    const slot = this.find(id, now);
    return slot < 0 ? undefined : this.at(slot);
  }

  /** All records whose end has not come, in the order they were added. */
  *living(now: number): Generator<Found> {
    for (const [id, slot] of this.#slots) if (this.#endOf(slot) > now) yield this.#glance(id, slot, now);
  }

  /** Adds a record in place of an ended or older one of its id; false, and nothing changed, when there is no room. */
  add(record: HeldRecord): boolean {
    const replaced = this.#slots.get(record.id);
    const packed = packRecord(record, this.#recent);
    const bytes = packed === null ? weigh(record) : weighPacked(record.id, packed.text);
    if (replaced === undefined ? !this.makeRoom(1, bytes) : !this.makeRoom(0, bytes - this.#weightOf(replaced))) {
      return false;
    }
    // Looked up again: making room may have taken it.
    const inTheWay = replaced === undefined ? undefined : this.#slots.get(record.id);
    if (inTheWay !== undefined) this.#remove(inTheWay);
    const slot = this.#free.pop() ?? this.#contents.length;
    record.slot = slot;
    this.#slots.set(record.id, slot);
    this.#ids[slot] = record.id;
    this.#fill(record, packed, bytes);
    return true;
  }

  /** Applies `change`, which may alter anything but the id, and then keeps the bounds at the cost of other records. */
  alter(record: HeldRecord, change: () => void): void {
    this.#dequeue(record.slot);
    change();
    const packed = packRecord(record, this.#recent);
    const bytes = packed === null ? weigh(record) : weighPacked(record.id, packed.text);
    // Out of every queue at this moment, so that what was just decided is not what goes.
    this.#evict(0, bytes);
    this.#fill(record, packed, bytes);
  }

  /** Removes a record. */
  drop(record: HeldRecord): void {
    this.#remove(record.slot);
  }

  /** Lets completed records go until so much more fits; false, and none gone, when even all of them would not do. */
  makeRoom(records: number, bytes: number): boolean {
    const { maxRecords, maxBytes } = this.#bounds;
    const unfinishedBytes = this.#bytes - this.#finishedBytes;
    if (this.#slots.size - this.#finished.size + records > maxRecords || unfinishedBytes + bytes > maxBytes) {
      return false;
    }
    this.#evict(records, bytes);
    return true;
  }

  /** Removes at most `limit` records whose end has come and tells how many. */
  removeEnded(now: number, limit: number): number {
    let removed = 0;
    for (; removed < limit && this.#finished.firstEnd() <= now; removed++) this.#remove(this.#finished.first());
    for (; removed < limit && this.#unfinished.firstEnd() <= now; removed++) this.#remove(this.#unfinished.first());
    return removed;
  }

  /** Whether a record is left whose end has come. */
  hasEnded(now: number): boolean {
    return this.#finished.firstEnd() <= now || this.#unfinished.firstEnd() <= now;
  }

  /** Forgets everything. */
  clear(): void {
    this.#slots.clear();
    this.#free = [];
    this.#ids = [];
    this.#contents = [];
    this.#lines = [];
    this.#finished = new EndQueue();
    this.#unfinished = new EndQueue();
    this.#bytes = 0;
    this.#finishedBytes = 0;
  }

  #instant(slot: number, which: 0 | 1): number {
    return this.#instants[slot * 2 + which] ?? 0;
  }

  #endOf(slot: number): number {
    const content = this.#contents[slot];
    return typeof content === 'string' ? this.#finished.endOf(slot) : (content?.endsAt ?? 0);
  }

  #weightOf(slot: number): number {
    const content = this.#contents[slot];
    return typeof content === 'string' ? weighPacked(this.#ids[slot] ?? '', content) : (content?.bytes ?? 0);
  }

  #glance(id: RecordId, slot: number, now: number): Found {
    const content = this.#contents[slot];
    if (typeof content !== 'string' && content) {
      const { labels, firstSeenAtMs } = content;
      return { id, slot, labels, firstSeenAtMs, state: stateOf(content, now) };
    }
    return new PackedGlance(id, slot, content ?? '', this.#instant(slot, 0));
  }

  #fill(record: HeldRecord, packed: Packed | null, bytes: number): void {
    const { slot, stage, endsAt } = record;
    this.#contents[slot] = packed?.text ?? record;
    this.#lines[slot] = packed?.lines ?? null;
    if (packed === null) record.bytes = bytes;
    else this.#keepInstants(record);
    this.#bytes += bytes;
    if (stage === 'completed') this.#finishedBytes += bytes;
    (stage === 'completed' ? this.#finished : this.#unfinished).insert(slot, endsAt);
  }

  #keepInstants({ slot, firstSeenAtMs, completedAtMs }: HeldRecord): void {
    if (slot * 2 >= this.#instants.length) {
      const wider = new Float64Array(slot * 4);
      wider.set(this.#instants);
      this.#instants = wider;
    }
    this.#instants[slot * 2] = firstSeenAtMs;
    this.#instants[slot * 2 + 1] = completedAtMs ?? 0;
  }

  #remove(slot: number): void {
    this.#dequeue(slot);
    this.#slots.delete(this.#ids[slot] ?? '');
    this.#ids[slot] = '';
    this.#contents[slot] = null;
    this.#lines[slot] = null;
    this.#free.push(slot);
  }

  #evict(records: number, bytes: number): void {
    const { maxRecords, maxBytes } = this.#bounds;
    while (this.#slots.size + records > maxRecords || this.#bytes + bytes > maxBytes) {
      const nearest = this.#finished.first();
      if (nearest < 0) return;
      this.#remove(nearest);
    }
  }

  #dequeue(slot: number): void {
    const bytes = this.#weightOf(slot);
    this.#bytes -= bytes;
    if (this.#finished.remove(slot)) this.#finishedBytes -= bytes;
    else this.#unfinished.remove(slot);
  }
}

/** Most searches ask for no labels, and none asks for those of every record. */
class PackedGlance implements Found {
  readonly id: RecordId;
  readonly slot: number;
  readonly state = 'completed';
  readonly firstSeenAtMs: number;
  readonly #text: string;

  constructor(id: RecordId, slot: number, text: string, firstSeenAtMs: number) {
    this.id = id;
    this.slot = slot;
    this.#text = text;
    this.firstSeenAtMs = firstSeenAtMs;
  }

  get labels(): Labels {
    return labelsOfPacked(this.#text);
  }
}
