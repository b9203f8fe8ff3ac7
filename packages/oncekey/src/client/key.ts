/**
 * Keys as a client makes and writes them: one for each intent, quoted as a structured-field
 * String (draft -07), bare for hosts that want them so. It refuses what a server would
 * refuse (rule 1), before anything is sent.
 */
import { ClientError } from './errors.ts';

const emptied: ReadonlySet<string> = new Set(['undefined', 'null', 'NaN', '[object Object]']);

/** A fresh key: a random UUID (version 4). Works outside secure contexts too, where `crypto.randomUUID` is missing. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return hexOf(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** Bytes as lowercase hexadecimal digits. */
export function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** The key itself, when a server can take it; throws `key_invalid` otherwise. */
export function usableKey(key: unknown): string {
  const usable = typeof key === 'string' && /^[ -~]{1,255}$/.test(key) && key.trim() !== '' && !emptied.has(key);
  if (usable) return key;
  throw unusable(key, 'give 1 to 255 printable ASCII characters');
}

/** The key in a header's value: `"k"` is `k`. */
export function readKeyValue(value: string): string {
  const text = value.trim();
  return /^"(?:[^"\\]|\\["\\])*"$/.test(text) ? text.slice(1, -1).replace(/\\(["\\])/g, '$1') : text;
}

/** The header's value for this host: quoted, or bare where the host is listed (`*` lists all). */
export function writeKeyValue(key: string, host: string, bareHosts: readonly string[]): string {
  if (!bareHosts.includes(host) && !bareHosts.includes('*')) return `"${key.replace(/["\\]/g, '\\$&')}"`;
  if (!/[\s,;"]/.test(key)) return key;
  throw unusable(key, 'bare it must have no space, quote or separator');
}

function unusable(key: unknown, reason: string): ClientError {
  return new ClientError('key_invalid', `the key ${String(key)} cannot be sent: ${reason}`, { reason });
}
