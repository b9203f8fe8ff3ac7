/** Where a record is: the prefix, and its id as it is. Each id has one key (I7). */
import type { RecordId } from '../../core/store.ts';

/** How many characters, and bytes, an id takes at the end of its key. */
export const idLength = 64;

/** The key of a record. Throws a TypeError for what is no id. */
export function keyOf(prefix: string, id: RecordId): string {
  if (isId(id)) return prefix + id;
  throw new TypeError(`redis: a record id is 64 hexadecimal digits, not ${JSON.stringify(id)}`);
}

// A loop over a table is three times as fast as comparisons or an expression, and every call of a store comes by here.
const isDigit = new Uint8Array(128);
for (const digit of '0123456789abcdef') isDigit[digit.charCodeAt(0)] = 1;

function isId(id: string): boolean {
  if (id.length !== idLength) return false;
  let all = 1;
  for (let index = 0; index < idLength; index++) all &= isDigit[id.charCodeAt(index)] ?? 0;
  return all === 1;
}
