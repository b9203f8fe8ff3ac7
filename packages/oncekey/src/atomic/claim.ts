/**
 * The claim inside a transaction: granted, or the way out of a transaction that has nothing
 * to commit. Shared by operations and HTTP; which statements do it is the store's.
 */
import { decide } from '../core/decide.ts';
import type { Decision, Intent } from '../core/engine.ts';
import { chain, type MaybePromise } from '../core/maybe.ts';
import type { Executor, Fingerprint, Store, Token } from '../core/store.ts';

/** What a duplicate is told. */
export type Told = Exclude<Decision, { kind: 'run' }>;

/** A store's records in one open transaction. */
export type Bound = ReturnType<NonNullable<Store['bind']>>;

/** Not an error: thrown to roll back a transaction that has nothing to commit. */
export class RolledBack extends Error {
  readonly told: Told;
  constructor(told: Told) {
    super('nothing to commit');
    this.told = told;
  }
}

/** The commit was sent and no answer came: only the record can tell whether it took effect. */
export class Unanswered extends Error {
  constructor(cause: Error) {
    super(`no answer to the commit: ${cause.message}`, { cause });
  }
}

/** Somebody else's transaction is at it. */
export const underWay: Told & { readonly kind: 'in-progress' } = {
  kind: 'in-progress',
  attempt: 1,
  retryAfterMs: 1000,
};

/** The store's records in the transaction. Throws a TypeError for a store that has no transactions to share. */
export function bindTo(store: Store, execute: Executor): Bound {
  return binderOf(store)(execute);
}

/** What binds the store to a transaction. Throws a TypeError for a store that has no transactions to share. */
export function binderOf(store: Store): (execute: Executor) => Bound {
  if (store.bind !== undefined) return store.bind.bind(store);
  throw new TypeError(`atomic: the ${store.name} store cannot share a transaction; use postgres, mysql or sqlite`);
}

/** The attempt that was granted. Throws {@link RolledBack} when it was not. */
export function claimIn(
  bound: Bound,
  intent: Intent,
  token: Token,
  fingerprint: Fingerprint | null = intent.fingerprint,
): MaybePromise<number> {
  const { id, labels, policy } = intent;
  const { leaseMs, retentionMs: keepMs, abandoned: ifAbandoned } = policy;
  return chain(bound.claim({ id, token, fingerprint, leaseMs, keepMs, ifAbandoned, labels }), (answer) => {
    if (answer.kind === 'granted') return answer.attempt;
    // Held by a transaction that has not committed: with what input is not to be seen yet.
    if (answer.kind === 'in-progress' && answer.fingerprint === null) throw new RolledBack(underWay);
    const verdict = decide(answer, intent);
    if (verdict.kind === 'claim-as') return claimIn(bound, intent, token, verdict.fingerprint);
    throw new RolledBack(verdict);
  });
}
