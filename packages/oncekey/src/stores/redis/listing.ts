/**
 * A page of records for operators. No index is kept, so that claims pay nothing for it:
 * a page looks at every record once, on the server, and reads the few it shows. Pages are
 * ordered by when records were first seen, and stable while records come and go.
 */
import type { ListAsk, ListPage, RecordId, StoredRecord } from '../../core/store.ts';
import { checkListLimit, matches } from '../in-process/record-rules.ts';
import { idLength } from './key.ts';
import type { Looked } from './operating.ts';

/** Where a page comes from. */
export interface Listed {
  keys(): AsyncIterable<Buffer[]>;
  look(id: RecordId): Promise<Looked | undefined>;
  read(id: RecordId): Promise<StoredRecord | undefined>;
}

type Place = Pick<StoredRecord, 'firstSeenAtMs' | 'id'>;

/** {@link Store.list}. Throws a RangeError for a limit or cursor that cannot be one. */
export async function list(ask: ListAsk, from: Listed): Promise<ListPage> {
  checkListLimit(ask.limit);
  const past = ask.cursor === undefined ? undefined : placeOf(ask.cursor);
  // One more than asked for tells whether there is another page.
  const first = new FirstOnes(ask.limit + 1);
  for await (const keys of from.keys()) {
    const looked = await Promise.all(keys.map((key) => from.look(key.toString('latin1', key.length - idLength))));
    for (const one of looked) {
      if (one === undefined || (past !== undefined && inOrder(past, one) >= 0)) continue;
      if (matches(ask, one, one.nowMs)) first.add(one);
    }
  }
  const found = first.all();
  const page = found.slice(0, ask.limit);
  const last = page.at(-1);
  const cursor = last !== undefined && found.length > ask.limit ? `${last.firstSeenAtMs}:${last.id}` : null;
  const records = await Promise.all(page.map(({ id }) => from.read(id)));
  return { records: records.filter((record) => record !== undefined), cursor };
}

/** The first places of many, in bounded memory; a place that comes twice is kept once. */
class FirstOnes {
  readonly #count: number;
  #places = new Map<RecordId, Place>();

  constructor(count: number) {
    this.#count = count;
  }

  add({ id, firstSeenAtMs }: Place): void {
    this.#places.set(id, { id, firstSeenAtMs });
    if (this.#places.size >= this.#count * 2 + 100)
      this.#places = new Map(this.all().map((place) => [place.id, place]));
  }

  all(): Place[] {
    return [...this.#places.values()].sort(inOrder).slice(0, this.#count);
  }
}

function inOrder(one: Place, other: Place): number {
  return one.firstSeenAtMs - other.firstSeenAtMs || (one.id < other.id ? -1 : one.id > other.id ? 1 : 0);
}

function placeOf(cursor: string): Place {
  const [, firstSeenAtMs, id] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(cursor) ?? [];
  if (id !== undefined) return { firstSeenAtMs: Number(firstSeenAtMs), id };
  throw new RangeError('list: cursor must be one that a page before gave');
}
