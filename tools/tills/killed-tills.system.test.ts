/** A few rounds of the campaign `outbox`: a till on Node is killed while it adds and sends; nothing is lost, nothing doubled. */
import { expect, test } from 'vitest';
import { randomBy, seedOfRun } from '../faults/seed.ts';
import { killTills } from './killed-tills.ts';

test('killed 10 times: each kept entry has one effect, in order', { timeout: 120_000 }, async () => {
  const { runs, violations, counted } = await killTills({ kills: 10, random: randomBy(seedOfRun()) });
  expect(violations).toEqual([]);
  expect(runs).toBe(10);
  expect(counted['replies lost']).toBeGreaterThan(0);
});
