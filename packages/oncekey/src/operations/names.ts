/**
 * What an operation is named by, checked and trimmed before it reaches a store (I7):
 * an error names the field and says what to do.
 */
import { IdempotencyError } from '../core/errors.ts';

/** Longest key, scope part, operation or owner, in characters. */
export const maxNameLength = 255;

/**
 * Who a key belongs to. Absent parts are optional levels and hash as empty; `'public'` (or an
 * empty list) is the explicit way to have no scope.
 */
export type Scope = 'public' | readonly (string | undefined)[];

/**
 * Trims a name. Throws `key_missing` or `key_invalid` (for the key) or `field_invalid`, naming the field, when it is not text, blank,
 * too long, or holds what no store keeps apart.
 */
export function soundName(field: string, value: unknown): string {
  return trimmed(value) ?? refuse(field, value);
}

function trimmed(value: unknown): string | undefined {
  const name = typeof value === 'string' ? value.trim() : '';
  return name !== '' && name.length <= maxNameLength && isKept(name) ? name : undefined;
}

/**
 * Whether every store gives the text back as it was. Half a surrogate pair is U+FFFD in UTF-8, as every other half is: two
 * keys would be one. One with U+0000 comes back cut from one database and is refused by the next.
 */
export function isKept(name: string): boolean {
  return name.isWellFormed() && !name.includes('\0');
}

function refuse(field: string, value: unknown): never {
  if (field === 'key' && (value === undefined || value === null))
    throw new IdempotencyError('key_missing', 'key is missing; name the intended effect by one', { field });
  const reason = unfit(value);
  const message = `${field} ${reason}; give ${field} 1 to ${maxNameLength} characters`;
  if (field === 'key') throw new IdempotencyError('key_invalid', message, { field, reason });
  throw new IdempotencyError('field_invalid', message, { field, reason });
}

function unfit(value: unknown): string {
  if (typeof value !== 'string') return 'is not a string';
  const name = value.trim();
  if (name === '') return 'is blank';
  return isKept(name) ? `is over ${maxNameLength} characters` : 'holds U+0000 or half of a surrogate pair';
}

/** The scope's parts, trimmed. Throws `scope_missing` when there is none, `field_invalid` for a blank part. */
export function soundScope(scope: Scope | undefined): readonly string[] {
  if (scope === 'public') return [];
  if (!Array.isArray(scope) || (scope.length > 0 && scope.every((part) => part === undefined))) {
    const message = "scope is missing; say who the key belongs to, or 'public' for everybody";
    throw new IdempotencyError('scope_missing', message, { field: 'scope' });
  }
  return scope.map((part: unknown, at) => (part === undefined ? '' : (trimmed(part) ?? refuse(`scope[${at}]`, part))));
}
