/**
 * Saved steps as bytes that are only appended to, so that saving one is a conditional write
 * of one row: length and bytes of name and result, and a checksum over both. What does not
 * read back as it was written throws `record_unreadable`.
 */
import { crc32 } from 'node:zlib';
import type { SavedStep } from '../../core/store.ts';
import { unreadable } from '../stored-form/checked-outcome.ts';

const headBytes = 12;

/** The bytes to append for a step. */
export function stepBytes({ name, bytes }: SavedStep): Buffer {
  const nameBytes = Buffer.from(name);
  const head = Buffer.alloc(headBytes);
  head.writeUInt32BE(nameBytes.length, 0);
  head.writeUInt32BE(bytes.byteLength, 4);
  head.writeUInt32BE(checksum(nameBytes, bytes), 8);
  return Buffer.concat([head, nameBytes, bytes]);
}

/** The steps that were appended, in order; a later one of a name stands in the place of the first. */
export function stepsFrom(appended: Uint8Array): SavedStep[] {
  const all = Buffer.from(appended.buffer, appended.byteOffset, appended.byteLength);
  const steps = new Map<string, SavedStep>();
  for (let at = 0; at < all.length;) {
    if (at + headBytes > all.length) throw unreadable('its steps are cut');
    const nameEnd = at + headBytes + all.readUInt32BE(at);
    const end = nameEnd + all.readUInt32BE(at + 4);
    if (end > all.length) throw unreadable('its steps are cut');
    const nameBytes = all.subarray(at + headBytes, nameEnd);
    const bytes = new Uint8Array(all.subarray(nameEnd, end));
    if (checksum(nameBytes, bytes) !== all.readUInt32BE(at + 8)) throw unreadable('a step does not match its checksum');
    const name = nameBytes.toString();
    steps.set(name, { name, bytes });
    at = end;
  }
  return [...steps.values()];
}

// Of no bytes at all Node's checksum is 0, or not, by where they are kept.
function checksum(name: Uint8Array, bytes: Uint8Array): number {
  const ofName = crc32(name);
  return bytes.byteLength === 0 ? ofName : crc32(bytes, ofName);
}
