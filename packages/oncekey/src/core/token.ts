/** Proofs of ownership that nobody can guess. */
import { Buffer } from 'node:buffer';
import crypto from 'node:crypto';
import type { Token } from './store.ts';

const tokenBytes = 12;
// The random bytes of so many are asked for at once.
const drawn = Buffer.alloc(tokenBytes * 256);
let at = 0;

/** A new token: 96 random bits in 16 characters of base64url, and in one piece, where `randomUUID` makes a tree of its digits. */
export function freshToken(): Token {
  if (at === 0) crypto.randomFillSync(drawn);
  const token = drawn.toString('base64url', at, at + tokenBytes);
  at = (at + tokenBytes) % drawn.length;
  return token;
}
