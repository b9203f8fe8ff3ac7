/** Where a record is: the prefix, and its id as it is. Each id has one key (I7). */
import type { RecordId } from '../../core/store.ts';

/** How many characters, and bytes, an id takes at the end of its key. */
export const idLength = 64;

/** The key of a record. Throws a TypeError for what is no id. */
export function keyOf(prefix: string, id: RecordId): string {
  if (isId(id)) return prefix + id;
  throw new TypeError(`redis: a record id is 64 hexadecimal digits, not ${JSON.stringify(id)}`);
}

function isId(id: string): boolean {
  if (id.length !== idLength) return false;
  for (let index = 0; index < idLength; index++) {
    const code = id.charCodeAt(index);
    const isDigit = (code >= 0x30 && code <= 0x39) || (code >= 0x61 && code <= 0x66);
    if (!isDigit) return false;
  }
  return true;
}
