/** Where a record is: the prefix, and its id as it is. Each id has one key (I7). */
import type { RecordId } from '../../core/store.ts';

/** How many characters, and bytes, an id takes at the end of its key. */
export const idLength = 64;

const idForm = /^[0-9a-f]{64}$/;

/** The key of a record. Throws a TypeError for what is no id. */
export function keyOf(prefix: string, id: RecordId): string {
  if (idForm.test(id)) return prefix + id;
  throw new TypeError(`redis: a record id is 64 hexadecimal digits, not ${JSON.stringify(id)}`);
}
