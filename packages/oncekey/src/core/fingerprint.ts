/**
 * Digests of the input, tagged with their algorithm, and the one rule by which two of
 * them are compared (I6). An unknown or foreign digest is never taken for a difference
 * where it cannot be computed; a known one always is.
 */
import { framedSha256 } from './digest.ts';
import type { Intent } from './engine.ts';
import type { Fingerprint } from './store.ts';

/** `algorithm:` and the hexadecimal SHA-256 of the length-prefixed parts. */
export function digest(algorithm: string, parts: readonly (string | Uint8Array)[]): Fingerprint {
  return `${algorithm}:${framedSha256(parts, 'hex')}`;
}

/** Whether a stored and a given fingerprint agree as they stand; null and foreign ones agree with all. For stores. */
export function fingerprintsAgree(stored: Fingerprint | null, given: Fingerprint | null): boolean {
  return stored === null || given === null || stored === given || stored.startsWith('foreign:');
}

/** Whether the intent has the input that `stored` was made of, computing it anew by the stored algorithm where that differs. */
export function sameInput(stored: Fingerprint | null, intent: Pick<Intent, 'fingerprint' | 'refingerprint'>): boolean {
  if (fingerprintsAgree(stored, intent.fingerprint)) return true;
  const algorithm = algorithmOf(stored);
  if (algorithm === algorithmOf(intent.fingerprint)) return false;
  return intent.refingerprint?.(algorithm) === stored;
}

function algorithmOf(fingerprint: Fingerprint | null): string {
  return fingerprint?.split(':', 1)[0] ?? '';
}
