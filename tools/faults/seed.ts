/** Numbers by a seed, so that a random test can be run again as it was: ONCEKEY_SEED takes the one that was printed. */
import { randomInt } from 'node:crypto';

/** Gives numbers from 0 (included) to `below` (excluded), whole. */
export type Random = (below: number) => number;

/** The seed of this run: ONCEKEY_SEED, or a new one; printed. */
export function seedOfRun(): number {
  const seed = Number(process.env['ONCEKEY_SEED'] ?? randomInt(2 ** 31));
  process.stderr.write(`ONCEKEY_SEED=${seed}\n`);
  return seed;
}

/** Random numbers by `seed` (mulberry32). */
export function randomBy(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * below);
  };
}
