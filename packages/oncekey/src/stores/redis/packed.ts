/**
 * Tokens and fingerprints in bytes: a SHA-256 is as few as it holds, thirty-two. Each text
 * has one packed form and no two texts share one, so that the scripts compare packed
 * forms (I3, I6). Everything else is kept as it is.
 */
import type { Fingerprint, Token } from '../../core/store.ts';
import { unreadable } from '../stored-form/checked-outcome.ts';
import type { ByteWriter } from './bytes.ts';

/** Begins a packed form; texts that begin with it are not packed and are marked themselves. */
const packedMark = 0;
const plainMark = 1;

/** Writes a token. An empty one is nobody's. */
export function writeToken(writer: ByteWriter, token: Token): void {
  writer.textPiece(token, 1, 'the token');
}

/** The token of its packed form; null when it is nobody's. */
export function readToken(packed: Buffer): Token | null {
  return packed.length === 0 ? null : packed.toString('utf8');
}

/** Writes a fingerprint or null. */
export function writeFingerprint(writer: ByteWriter, fingerprint: Fingerprint | null): void {
  const from = writer.begin(2);
  if (fingerprint !== null) writeText(writer, fingerprint);
  writer.end(from, 2, 'the fingerprint');
}

function writeText(writer: ByteWriter, fingerprint: Fingerprint): void {
  if (writeDigest(writer, fingerprint)) return;
  if (fingerprint === '' || fingerprint.charCodeAt(0) <= plainMark) writer.number(plainMark, 1);
  writer.rawText(fingerprint);
}

/** Writes `algorithm:digest` with a digest of 64 hexadecimal digits; false for any other text. */
function writeDigest(writer: ByteWriter, fingerprint: Fingerprint): boolean {
  const colon = fingerprint.length - 65;
  if (colon < 0 || fingerprint.charCodeAt(colon) !== 0x3a || fingerprint.startsWith('foreign:')) return false;
  const begins = writer.length;
  if (!writer.number(packedMark, 1).hex(fingerprint, colon + 1)) {
    writer.back(begins);
    return false;
  }
  writer.rawText(fingerprint.slice(0, colon));
  return true;
}

/** The fingerprint of its packed form. */
export function readFingerprint(packed: Buffer): Fingerprint | null {
  if (packed.length === 0) return null;
  if (packed[0] === plainMark) return packed.toString('utf8', 1);
  if (packed[0] !== packedMark) return packed.toString('utf8');
  if (packed.length < 33) throw unreadable('its fingerprint is damaged');
  return `${packed.toString('utf8', 33)}:${packed.toString('hex', 1, 33)}`;
}
