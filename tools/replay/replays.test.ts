/** The campaign `replay` in short; ONCEKEY_SEED plays the same answers again. */
import { memory } from 'oncekey';
import { expect, test } from 'vitest';
import { seedOfRun } from '../faults/seed.ts';
import { playReplays } from './replays.ts';

test('1000 random answers are replayed to the byte', async () => {
  const { runs, violations } = await playReplays(memory(), { answers: 1000, seed: seedOfRun() });
  expect({ runs, violations }).toEqual({ runs: 1000, violations: [] });
}, 30_000);

test('a store that changes one byte is noticed', async () => {
  const store = memory();
  const damaged: typeof store = {
    ...store,
    complete: (ask) => {
      const { outcome } = ask;
      if (outcome.kind === 'answer' && outcome.body.length > 0) outcome.body[0] = (outcome.body[0] ?? 0) ^ 1;
      return store.complete(ask);
    },
  };
  const { violations } = await playReplays(damaged, { answers: 20, seed: seedOfRun() });
  expect(violations.join()).toContain('the replay has other bytes');
});
