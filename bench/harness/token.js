/** Proofs of ownership as long as the engine makes them, for the stores and for what is written by hand. */
import { randomBytes } from 'node:crypto';

export function freshToken() {
  return randomBytes(12).toString('base64url');
}
