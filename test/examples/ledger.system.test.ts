/** Drives examples/ledger: the clerk is killed again and again, on each database, and the books balance (I9). */
import { expect, test } from 'vitest';
import { killClerks } from '../../tools/faults/ledger.ts';
import { ledgerDatabases, startLedger } from '../../tools/faults/ledger-stand.ts';
import { randomBy, seedOfRun } from '../../tools/faults/seed.ts';
import { root } from '../support/scratch.ts';

const kills = 8;

test.for([...ledgerDatabases])('on %s the books balance after kills', { timeout: 300_000 }, async (name) => {
  const stand = await startLedger(name, root);
  try {
    const tally = await killClerks(stand, { kills, random: randomBy(seedOfRun()) });
    expect(tally.violations).toEqual([]);
    expect(tally.runs).toBe(kills);
  } finally {
    await stand.stop();
  }
});
