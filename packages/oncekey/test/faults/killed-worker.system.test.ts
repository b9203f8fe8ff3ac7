/** RELIABILITY check 3, a few rounds of it; `npm run campaign -- kills` counts hundreds. */
import { expect, test } from 'vitest';
import { killWorkers } from '../../../../tools/faults/killed-worker.ts';
import { randomBy, seedOfRun } from '../../../../tools/faults/seed.ts';
import { forStores, sharedStores } from './stands.ts';

const kills = 3;
const seed = seedOfRun();

forStores(sharedStores, (name, stand) => {
  test(`${name}: a worker killed in its work leaves nothing lost, nothing twice and nothing held`, async () => {
    const tally = await killWorkers(stand().place, { kills, random: randomBy(seed) });
    expect(tally.violations).toEqual([]);
    expect(tally.runs).toBe(kills);
    // A round in which nobody was interrupted would have shown nothing.
    expect(tally.counted['taken over'] ?? 0).toBeGreaterThan(0);
  });
});
