/** RELIABILITY check 4, a few rounds of it; `npm run campaign -- kills` counts hundreds. */
import { expect, test } from 'vitest';
import { killServer } from '../../../../tools/faults/killed-server.ts';
import { randomBy, seedOfRun } from '../../../../tools/faults/seed.ts';
import { forStores, servedStores } from './stands.ts';

const kills = 2;
const seed = seedOfRun();

forStores(servedStores, (name, stand) => {
  test(`${name}: a server killed under load has every completion that it acknowledged`, async () => {
    const { place, server } = stand();
    if (server === undefined) throw new Error(`${name} stands on no server`);
    const tally = await killServer(place, server, { kills, random: randomBy(seed) });
    expect(tally.violations).toEqual([]);
    expect(tally.runs).toBe(kills);
    expect(tally.counted['acknowledged'] ?? 0).toBeGreaterThan(0);
    expect(tally.counted['unanswered'] ?? 0).toBeGreaterThan(0);
  });
});
