/**
 * Random data that can be had again: everything comes from one seed, which a failure
 * names and the environment variable ONCEKEY_SEED takes back.
 */
import { createHash, randomInt } from 'node:crypto';

/** A source of random data, the same for the same seed. */
export interface Random {
  /** So many random bytes. */
  bytes(length: number): Uint8Array<ArrayBuffer>;
  /** So many lowercase hexadecimal digits, an even number. */
  hex(digits: number): string;
  /** A whole number from 0 up to, but without, `below` (at most 2^32). */
  below(below: number): number;
}

/** The seed of this run: ONCEKEY_SEED when set, else a fresh one. */
export function seedOfRun(): number {
  const given = Number(process.env['ONCEKEY_SEED']);
  return Number.isInteger(given) && given > 0 ? given : randomInt(1, 2 ** 31);
}

/** Random data for one purpose: other purposes of the same seed are not disturbed by it. */
export function randomFrom(seed: number, purpose: string): Random {
  let block = 0;
  // A hash of a counter: a small generator would give two cases on one server the same ids now and then.
  const next = (): Buffer => createHash('sha256').update(`${seed}:${purpose}:${block++}`).digest();
  const bytes = (length: number): Uint8Array<ArrayBuffer> => {
    const filled = new Uint8Array(length);
    for (let at = 0; at < length; at += 32) filled.set(next().subarray(0, length - at), at);
    return filled;
  };
  return {
    bytes,
    hex: (digits) => Buffer.from(bytes(digits / 2)).toString('hex'),
    below: (limit) => next().readUInt32BE() % limit,
  };
}
