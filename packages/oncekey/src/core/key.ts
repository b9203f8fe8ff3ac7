/**
 * The record id: all that a store is keyed by (I7).
 */
import { framedSha256 } from './digest.ts';
import type { RecordId } from './store.ts';

/** Record id of a key: SHA-256 over the number of scope parts, the scope parts, operation and key, length-prefixed. */
export function recordId(scope: readonly string[], operation: string | null, key: string): RecordId {
  return framedSha256([String(scope.length), ...scope, operation ?? '', key], 'hex');
}
