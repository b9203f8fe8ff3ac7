/**
 * What operators ask for beside one operation, checked before it reaches a store, which
 * would take a wrong filter or limit in its own way: as one that nothing matches, or as its
 * own fault. An error names the field and says what to do.
 */
import { inspect } from 'node:util';
import { IdempotencyError } from '../core/errors.ts';
import type { ListAsk, RecordState } from '../core/store.ts';
import { isKept } from './names.ts';
import type { ListCall } from './once.ts';

const states: readonly RecordState[] = ['in-progress', 'abandoned', 'open', 'completed', 'erased'];

/** The error for a field of an ask, with what to give instead. */
export function wrong(field: string, value: unknown, advice: string): IdempotencyError<'field_invalid'> {
  const reason = `is ${inspect(value, { depth: 1, breakLength: Number.POSITIVE_INFINITY, maxStringLength: 100 })}`;
  return new IdempotencyError('field_invalid', `${field} ${reason}; ${advice}`, { field, reason });
}

/** Filters as a store takes them. Throws `field_invalid`, naming the field; what no page gave or no page can be is the store's RangeError. */
export function soundFilters(call: ListCall): ListAsk {
  if (typeof call !== 'object' || call === null)
    throw wrong('call', call, "give filters, such as { state: 'abandoned' }");
  const { scope, state, olderThanMs, limit = 100 } = call;
  for (const field of ['operation', 'key', 'keyPrefix', 'cursor'] as const) {
    if (!isFilter(call[field])) throw wrong(field, call[field], 'give a text, or leave it out');
  }
  if (scope !== undefined && !(Array.isArray(scope) && scope.every((part) => typeof part === 'string' && isKept(part))))
    throw wrong('scope', scope, "give its parts as a list of texts, '' for one that is absent; the public one is []");
  if (state !== undefined && !states.includes(state)) throw wrong('state', state, `give one of ${states.join(', ')}`);
  if (olderThanMs !== undefined && !(Number.isSafeInteger(olderThanMs) && olderThanMs >= 0))
    throw wrong('olderThanMs', olderThanMs, 'give a whole number, at least 0');
  if (typeof limit !== 'number') throw wrong('limit', limit, 'give a whole number from 1 to 1000');
  return { ...call, limit };
}

function isFilter(value: unknown): boolean {
  return value === undefined || (typeof value === 'string' && isKept(value));
}

/** How much to remove at most. Throws `field_invalid`. */
export function soundLimit(limit: number): number {
  if ((Number.isSafeInteger(limit) && limit >= 1) || limit === Number.POSITIVE_INFINITY) return limit;
  throw wrong('limit', limit, 'give a whole number, at least 1');
}
