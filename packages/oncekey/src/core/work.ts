/**
 * What a running work can see and say: its attempt, its proof of ownership, the signal
 * of a lost lease, its steps and keys for the next service.
 */
import type { Token } from './store.ts';

/** Handed to the user's function while it owns the operation. */
export interface Work {
  /** 1 for the first owner, more after a takeover: what outside systems fence with. */
  readonly attempt: number;
  /** Proof of ownership, for completing from another process. */
  readonly token: Token;
  /** Aborted when the lease is lost: stop, somebody else may be running. */
  readonly signal: AbortSignal;
  /**
   * Runs `act` once over all attempts: its result is stored under `name` and given back after a crash.
   * The result must be JSON. Throws `lease_lost`, `step_invalid`, `outcome_unserializable`, `store_unavailable`.
   */
  step<T>(name: string, act: () => T | Promise<T>): Promise<T>;
  /** A key for the next service, the same in every attempt: 43 characters of base64url. */
  key(name: string): string;
  /** Declares that nothing happened: however the work ends, a repeat may run again. */
  release(): void;
}
