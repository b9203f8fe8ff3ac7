/**
 * Values as stored: JSON text in UTF-8. What the first caller gets went through the
 * same text, so that every repeat gets exactly the same (I4).
 */
import { IdempotencyError } from './errors.ts';

const nothing = new Uint8Array(0);
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

/** JSON bytes of a value; empty for `undefined`. Throws `outcome_unserializable` for what JSON cannot hold, `outcome_too_large`. */
export function encodeValue(value: unknown, limitBytes: number): Uint8Array {
  if (value === undefined) return nothing;
  const bytes = encoder.encode(jsonOf(value));
  if (bytes.length <= limitBytes) return bytes;
  const message = `the result has ${bytes.length} bytes, more than the ${limitBytes} that are kept; return less`;
  throw new IdempotencyError('outcome_too_large', message, { bytes: bytes.length, limitBytes });
}

function jsonOf(value: unknown): string {
  let cause: unknown = `a ${typeof value} has no JSON form`;
  try {
    const text = JSON.stringify(value) as string | undefined;
    if (text !== undefined) return text;
  } catch (error) {
    cause = error;
  }
  const reason = cause instanceof Error ? cause.message : String(cause);
  const message = `the result cannot be stored: ${reason}; return plain JSON`;
  throw new IdempotencyError('outcome_unserializable', message, { reason }, { cause });
}

/** The value of bytes made by `encodeValue`. Throws `record_unreadable` for others. */
export function decodeValue(bytes: Uint8Array): unknown {
  if (bytes.length === 0) return undefined;
  try {
    return JSON.parse(decoder.decode(bytes)) as unknown;
  } catch (cause) {
    const reason = 'a stored value is not JSON';
    throw new IdempotencyError('record_unreadable', `${reason}; inspect or erase the record`, { reason }, { cause });
  }
}
