/** The asks that the tests of this store share. */
import { createHash, randomUUID } from 'node:crypto';
import type { AnswerOutcome } from '../../../src/core/outcome.ts';
import { type ClaimAsk, noLabels } from '../../../src/core/store.ts';

/** The record id of a key. */
export function idOf(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

/** A claim of this key by a new token. */
export function askFor(key: string, over: Partial<ClaimAsk> = {}): ClaimAsk {
  return {
    id: idOf(key),
    token: randomUUID(),
    fingerprint: null,
    leaseMs: 30_000,
    ifAbandoned: 'rerun',
    keepMs: 60_000,
    labels: { ...noLabels, key },
    ...over,
  };
}

/** An answer with this body. */
export function answerOf(body: string | Uint8Array): AnswerOutcome {
  const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body;
  return { kind: 'answer', status: 201, headers: [['content-type', 'application/octet-stream']], body: bytes };
}

/** How often each kind came. */
export function counts(answers: readonly { readonly kind: string }[]): Record<string, number> {
  const count: Record<string, number> = {};
  for (const { kind } of answers) count[kind] = (count[kind] ?? 0) + 1;
  return count;
}
