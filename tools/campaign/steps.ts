/** The campaign `steps`: the server of examples/payments-steps killed at every boundary of its steps; each effect is there once. */
import { fileURLToPath } from 'node:url';
import { killAtSteps } from '../faults/steps.ts';
import { type CampaignAsk, measured } from './measured.ts';

// Compiled programs lie one folder deeper.
const root = fileURLToPath(new URL('../../../', import.meta.url));

/** One figure, over the embedded store. */
export function steps(ask: CampaignAsk): Promise<void> {
  return measured('steps', 'sqlite, server killed at a step', ask, (plan) => killAtSteps(root, plan));
}
