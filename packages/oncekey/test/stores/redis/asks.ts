/** Asks of the tests that make trouble: claims and answers of random keys, and where their records are. */
import { createHash, randomUUID } from 'node:crypto';
import type { AnswerOutcome } from '../../../src/core/outcome.ts';
import { noLabels, type ClaimAsk } from '../../../src/core/store.ts';
import { freshToken } from '../../../src/core/token.ts';

/** A claim of `key` (default: one that nobody used), as a usual request makes it. */
export function askFor(key: string = randomUUID(), over: Partial<ClaimAsk> = {}): ClaimAsk {
  const id = createHash('sha256').update(key).digest('hex');
  const labels = { ...noLabels, scope: ['acme', 'billing'], key, method: 'POST', path: '/charges' };
  const fingerprint = `h1:${id}`;
  return {
    id,
    token: freshToken(),
    fingerprint,
    leaseMs: 30_000,
    ifAbandoned: 'rerun',
    keepMs: 86_400_000,
    labels,
    ...over,
  };
}

/** An answer with a body of so many bytes. */
export function answerOf(bytes: number): AnswerOutcome {
  const headers = [['content-type', 'application/json; charset=utf-8']] as const;
  return { kind: 'answer', status: 201, headers, body: Buffer.alloc(bytes, 'y') };
}

/** The key in the server. */
export function keyOf({ id }: Pick<ClaimAsk, 'id'>, prefix = 'oncekey:'): string {
  return prefix + id;
}

/** What the promise was rejected with. */
export async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (answer) => {
      throw new Error(`it was answered ${JSON.stringify(answer)}`);
    },
    (error: unknown) => error,
  );
}
