/**
 * An operator's decision as the store takes it, checked first (I7): an error names the field
 * and decides nothing.
 */
import type { ResolveAsk } from '../core/store.ts';
import { wrong } from './asked.ts';
import { soundName } from './names.ts';
import type { ResolveCall } from './once.ts';
import type { Choices } from './options.ts';
import { valueOutcome } from './result.ts';

/** What is decided. Throws `field_invalid`, `outcome_unserializable`, `outcome_too_large`. */
export function soundDecision(call: ResolveCall, choices: Choices): Omit<ResolveAsk, 'id'> {
  const { seenRevision, by } = call;
  if (!Number.isSafeInteger(seenRevision))
    throw wrong('seenRevision', seenRevision, 'give the revision that was looked at');
  return { seenRevision, by: soundName('by', by), decision: decided(call.decision, choices) };
}

function decided(decision: ResolveCall['decision'], { retentionMs, maxOutcomeBytes }: Choices): ResolveAsk['decision'] {
  if (decision === 'rerun') return { kind: 'rerun', keepMs: retentionMs };
  if (typeof decision === 'object' && decision !== null && 'value' in decision)
    return { kind: 'outcome', outcome: valueOutcome(decision.value, maxOutcomeBytes), retentionMs };
  throw wrong('decision', decision, "give 'rerun', or { value } to take as the outcome");
}
