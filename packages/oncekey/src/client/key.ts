/**
 * Keys as a client makes and writes them: one for each intent, quoted as a structured-field
 * String (draft -07), bare for hosts that want them so. It refuses what a server would
 * refuse (rule 1), before anything is sent.
 */
import { ClientError } from './errors.ts';

const unusable: ReadonlySet<string> = new Set(['undefined', 'null', 'NaN', '[object Object]']);
const hex = (byte: number): string => byte.toString(16).padStart(2, '0');

/** A fresh key: a random UUID (version 4). Works outside secure contexts too, where `crypto.randomUUID` is missing. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return Array.from(bytes, hex)
    .join('')
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** The key itself, when a server can take it; throws `key_invalid` with the reason otherwise. */
export function usableKey(key: string): string {
  const reason = fault(key);
  if (reason === undefined) return key;
  throw new ClientError('key_invalid', `the key ${reason}; give 1 to 255 printable ASCII characters`, { reason });
}

/** The key in a header's value: `"k"` is `k`. */
export function readKeyValue(value: string): string {
  const text = value.trim();
  return /^"(?:[^"\\]|\\["\\])*"$/.test(text) ? text.slice(1, -1).replace(/\\(["\\])/g, '$1') : text;
}

/** The header's value for this host: quoted, or bare where the host is listed (`*` lists all). */
export function writeKeyValue(key: string, host: string, bareHosts: readonly string[]): string {
  if (!bareHosts.includes(host) && !bareHosts.includes('*')) return `"${key.replace(/["\\]/g, '\\$&')}"`;
  if (/[\s,;"]/.test(key)) {
    const reason = 'cannot be sent bare: it has a space, comma, semicolon or quote';
    throw new ClientError('key_invalid', `the key ${reason}`, { reason });
  }
  return key;
}

function fault(key: unknown): string | undefined {
  if (typeof key !== 'string') return `is not text but ${typeof key}`;
  if (key.trim() === '') return 'is blank';
  if (key.length > 255) return `has ${key.length} characters`;
  if (!/^[ -~]+$/.test(key)) return 'has a character that is not printable ASCII';
  return unusable.has(key) ? `is ${key}: a variable was empty` : undefined;
}
