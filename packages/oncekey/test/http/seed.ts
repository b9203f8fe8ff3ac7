/**
 * The seed of this run's random tests: printed, and taken back from ONCEKEY_SEED.
 */
import process from 'node:process';

/** A 31-bit integer. */
export const seed: number = Number(process.env['ONCEKEY_SEED'] ?? Date.now() % 0x7fffffff);

process.stdout.write(`ONCEKEY_SEED=${seed}\n`);
