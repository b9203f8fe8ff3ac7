/** A till on Node is killed while it adds and sends: nothing lost, nothing doubled. `ONCEKEY_KILLS` makes it a campaign. */
import { expect, test } from 'vitest';
import { randomFrom, seedOfRun } from '../../../src/testing/seed.ts';
import { killTills } from './kills.ts';

const kills = Number(process.env['ONCEKEY_KILLS'] ?? 10);
const seed = seedOfRun();

test(
  `killed ${kills} times (ONCEKEY_SEED=${seed}): each kept entry has one effect, in order`,
  { timeout: 60_000 + kills * 10_000 },
  async () => {
    const tally = await killTills(kills, randomFrom(seed, 'tills'));
    process.stdout.write(`${JSON.stringify({ ...tally, seed })}\n`);
    expect(tally.violations).toEqual([]);
    expect(tally.kept).toBeGreaterThan(kills);
  },
);
