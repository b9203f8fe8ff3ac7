/**
 * Keyed tags: what a sealed store's records are found by. Equal texts have equal tags, and
 * without the key nobody can tell which text. Each kind of text has tags of its own.
 */
import { createHmac } from 'node:crypto';
import type { Labels, ListAsk } from '../../core/store.ts';

/** 43 characters of base64url for these parts. */
export function tagOf(tagKey: Uint8Array, kind: 'scope' | 'operation' | 'key' | 'step', ...parts: string[]): string {
  return createHmac('sha256', tagKey)
    .update(JSON.stringify([kind, ...parts]))
    .digest('base64url');
}

/** Labels as the wrapped store sees them; `sealed` is all of them and stands in place of the path. */
export function taggedLabels(tagKey: Uint8Array, { scope, operation, key }: Labels, sealed: string | null): Labels {
  return {
    scope: [tagOf(tagKey, 'scope', ...scope)],
    operation: operation === null ? null : tagOf(tagKey, 'operation', operation),
    key: tagOf(tagKey, 'key', key),
    owner: null,
    method: null,
    path: sealed,
    eventId: null,
  };
}

/** A search by tags. How a key begins has no tag. */
export function taggedAsk(tagKey: Uint8Array, { keyPrefix: _prefix, ...ask }: ListAsk): ListAsk {
  const { scope, operation, key } = ask;
  return {
    ...ask,
    ...(scope !== undefined && { scope: [tagOf(tagKey, 'scope', ...scope)] }),
    ...(operation !== undefined && { operation: tagOf(tagKey, 'operation', operation) }),
    ...(key !== undefined && { key: tagOf(tagKey, 'key', key) }),
  };
}
