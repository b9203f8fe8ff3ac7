/** The campaign `ledger`: the clerk of examples/ledger killed hundreds of times on each database, then the books are balanced (I9). */
import { fileURLToPath } from 'node:url';
import { killClerks } from '../faults/ledger.ts';
import { ledgerDatabases, startLedger } from '../faults/ledger-stand.ts';
import { storesUnderTest } from '../servers/stores-under-test.ts';
import { type CampaignAsk, measured } from './measured.ts';

// Compiled programs lie one folder deeper.
const root = fileURLToPath(new URL('../../../', import.meta.url));

/** One figure a database. */
export async function ledger(ask: CampaignAsk): Promise<void> {
  for (const name of storesUnderTest(ledgerDatabases)) {
    const stand = await startLedger(name, root);
    try {
      await measured('ledger', `${name}, clerk killed`, ask, (plan) => killClerks(stand, plan));
    } finally {
      await stand.stop();
    }
  }
}
