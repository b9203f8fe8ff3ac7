/**
 * The fingerprint of an operation's input: by value, so that the order of members and
 * the spelling of numbers make no difference.
 */
import canonicalize from 'canonicalize';
import { IdempotencyError } from '../core/errors.ts';
import { digest } from '../core/fingerprint.ts';
import type { Fingerprint } from '../core/store.ts';

/** Fingerprint of any JSON value, by value (RFC 8785). Throws `field_invalid` for what JSON cannot hold. */
export function inputFingerprint(input: unknown): Fingerprint {
  const text = canonical(input);
  if (text === undefined) throw unfit(`a ${typeof input} has no JSON form`);
  const lost = emptied(input, '');
  if (lost !== undefined) throw unfit(lost);
  return digest('v1', [text]);
}

function canonical(input: unknown): string | undefined {
  try {
    return canonicalize(input);
  } catch (cause) {
    throw unfit(cause instanceof Error ? cause.message : String(cause), cause);
  }
}

// Two maps, or two amounts in private fields, would all be {}: other input must not pass for the same.
function emptied(value: unknown, path: string): string | undefined {
  if (typeof value !== 'object' || value === null || 'toJSON' in value) return undefined;
  const members = Object.entries(value);
  const isList = Array.isArray(value);
  if (members.length === 0 && !isList && !isPlain(value)) {
    const { name = 'thing' } = (value as { constructor?: { name: string } }).constructor ?? {};
    return `${path === '' ? 'it' : path} is a ${name}, of which JSON keeps nothing`;
  }
  for (const [name, member] of members) {
    const found = emptied(member, isList ? `${path}[${name}]` : `${path}${path === '' ? '' : '.'}${name}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Of no class, in whatever realm it was made. */
function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value) as object | null;
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function unfit(reason: string, cause?: unknown): IdempotencyError<'field_invalid'> {
  const message = `input cannot be fingerprinted: ${reason}; give plain JSON, or a fingerprint of your own`;
  return new IdempotencyError('field_invalid', message, { field: 'input', reason }, { cause });
}
