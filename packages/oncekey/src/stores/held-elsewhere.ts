/**
 * What a claim inside a transaction is told when another open transaction has the record in
 * its hands. Shared by the stores that bind themselves to transactions; it reads nothing.
 */
import type { ClaimAnswer, StoredRecord } from '../core/store.ts';

/** By the record as it is committed: who holds it may only be reading what has long been completed. */
export function heldElsewhere(record: StoredRecord | undefined): ClaimAnswer {
  const { fingerprint = null, attempt = 1, outcome = null, completedAtMs = null } = record ?? {};
  if (outcome !== null && completedAtMs !== null)
    return { kind: 'completed', fingerprint, attempt, outcome, completedAtMs };
  return { kind: 'in-progress', fingerprint, attempt, leaseLeftMs: record?.leaseLeftMs ?? 0 };
}
