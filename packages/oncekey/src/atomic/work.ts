/**
 * The work inside a transaction: all of it happens or nothing (I9), so that a step needs no
 * recovery point and there is no lease to lose. `currentWork().tx` is the transaction.
 */
import type { RecordId, Token } from '../core/store.ts';
import { derivedKey, Steps, type Running, type Work } from '../core/work.ts';

/** See {@link Work}; `tx` is what the library handed to the transaction's function. */
export class TransactionWork implements Work, Running {
  readonly id: RecordId;
  readonly token: Token;
  readonly attempt: number;
  readonly tx: unknown;
  settled = false;
  // Few works ask for either.
  #signal: AbortSignal | undefined;
  #steps: Steps | undefined;

  constructor(id: RecordId, token: Token, attempt: number, tx: unknown) {
    this.id = id;
    this.token = token;
    this.attempt = attempt;
    this.tx = tx;
  }

  get work(): Work {
    return this;
  }

  get signal(): AbortSignal {
    return (this.#signal ??= new AbortController().signal);
  }

  step<T>(name: string, act: () => T | Promise<T>): Promise<T> {
    this.#steps ??= new Steps([], () => Promise.resolve());
    return this.#steps.run(name, act);
  }

  key(name: string): string {
    return derivedKey(this.id, name);
  }

  /** Throw instead: that rolls everything back. */
  release(): never {
    throw new TypeError('work.release() has no meaning in a transaction; throw, and nothing will have happened');
  }
}
