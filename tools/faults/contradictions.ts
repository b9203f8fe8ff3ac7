/** What two answers for one key may not say: the one place where the fault tests judge a later answer by an earlier one (I1, I2, I5). */
import type { ChargeAnswer } from './charge.ts';

/** How `after`, asked later, contradicts `first`; empty when it does not. */
export function contradictions(key: string, first: ChargeAnswer | undefined, after: ChargeAnswer): string[] {
  const words = `${key}: ${JSON.stringify(first)}, then ${JSON.stringify(after)}`;
  const found: string[] = [];
  if (first?.kind === 'undefined' || after.kind === 'undefined') found.push(`${words}: no defined answer`);
  if (first !== undefined && 'value' in first) {
    const same = 'value' in after && after.kind === 'replayed' && after.value === first.value;
    if (!same || after.attempt !== first.attempt) found.push(`${words}: no replay of what was answered (I5)`);
  }
  return found;
}
