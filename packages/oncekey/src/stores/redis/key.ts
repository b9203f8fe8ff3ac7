/** Where a record is: the prefix, and the 32 bytes of its id. Each id has one key (I7). */
import type { RecordId } from '../../core/store.ts';
import { hexDigits } from './bytes.ts';

/** The key of a record. Throws a TypeError for what is no id. */
export function keyOf(prefix: Buffer, id: RecordId): Buffer {
  const key = Buffer.allocUnsafe(prefix.length + 32);
  key.set(prefix);
  if (id.length === 64 && hexDigits(key, prefix.length, id, 0, 64)) return key;
  throw new TypeError(`redis: a record id is 64 hexadecimal digits, not ${JSON.stringify(id)}`);
}
