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
  try {
    const text = canonicalize(input);
    if (text !== undefined) return digest('v1', [text]);
  } catch (cause) {
    throw unfit(cause instanceof Error ? cause.message : String(cause), cause);
  }
  throw unfit(`a ${typeof input} has no JSON form`);
}

function unfit(reason: string, cause?: unknown): IdempotencyError<'field_invalid'> {
  const message = `input cannot be fingerprinted: ${reason}; give plain JSON, or a fingerprint of your own`;
  return new IdempotencyError('field_invalid', message, { field: 'input', reason }, { cause });
}
