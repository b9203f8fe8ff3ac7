/**
 * The one piece of work that fault tests protect, in this process or in a worker: it takes its effect,
 * takes its time, and gives a value that no other run gives. The answer is plain data.
 */
import { scheduler } from 'node:timers/promises';
import { randomUUID } from 'node:crypto';
import { createOnce, IdempotencyError, type Once, type Store, type Work } from 'oncekey';
import { takeEffect } from './effects.ts';

/** One call of the work. */
export interface ChargeAsk {
  readonly key: string;
  /** Path of the file of effects. */
  readonly effects: string;
  /** Default 30,000. */
  readonly leaseMs?: number;
  /** How long the work waits after its effect; default 0. */
  readonly workMs?: number;
  /** How long the work holds the event loop after its effect; default 0. */
  readonly busyMs?: number;
  /** Whether the effect is a recovery point of its own; default no. */
  readonly step?: boolean;
  /** A duplicate waits for the outcome (default), or is told at once. */
  readonly inProgress?: 'wait' | 'reject';
}

/** How a call ended. `value` is the run's own; `stored` tells whether its outcome is known to be stored. */
export type ChargeAnswer =
  | { readonly kind: 'executed' | 'replayed'; readonly value: string; readonly attempt: number }
  /** A defined refusal of the library. */
  | { readonly kind: 'refused'; readonly code: string; readonly retryAfterMs: number | null }
  /** Anything else: never what a user should see. */
  | { readonly kind: 'undefined'; readonly message: string };

/** The refusal's code; undefined when there is a value. */
export function codeOf(answer: ChargeAnswer): string | undefined {
  return answer.kind === 'refused' ? answer.code : undefined;
}

/** Charges over one store. */
export class Charges {
  readonly store: Store;
  readonly #once: Once;
  readonly #working: (key: string) => void;

  /** `working` hears the key of each run that has taken its effect. */
  constructor(store: Store, { storeTimeoutMs = 2000, working = (): void => {} }: ChargesOptions = {}) {
    // `break`: a run whose outcome is not known to be stored must not look like one whose outcome is.
    this.#once = createOnce({ store, storeTimeoutMs, unrecorded: 'break', waitMs: 30_000, retentionMs: null });
    this.store = store;
    this.#working = working;
  }

  /** Never rejects. */
  async charge(ask: ChargeAsk): Promise<ChargeAnswer> {
    const { key, leaseMs = 30_000, inProgress = 'wait' } = ask;
    try {
      const call = { scope: ['faults'], operation: 'charge', key, leaseMs, inProgress };
      const { status, value, record } = await this.#once.run(call, (work) => this.#work(ask, work));
      return { kind: status, value, attempt: record.attempt };
    } catch (error) {
      if (!IdempotencyError.is(error)) return { kind: 'undefined', message: String(error) };
      const retryAfterMs = IdempotencyError.is(error, 'in_progress') ? error.details.retryAfterMs : null;
      return { kind: 'refused', code: error.code, retryAfterMs };
    }
  }

  async #work({ key, effects, workMs = 0, busyMs = 0, step = false }: ChargeAsk, work: Work): Promise<string> {
    if (step) await work.step('charge', () => takeEffect(effects, key));
    else takeEffect(effects, key);
    this.#working(key);
    const untilMs = performance.now() + busyMs;
    while (performance.now() < untilMs);
    if (workMs > 0) await scheduler.wait(workMs);
    return randomUUID();
  }
}

/** Options of {@link Charges}. */
export interface ChargesOptions {
  /** Default 2000. */
  readonly storeTimeoutMs?: number;
  readonly working?: (key: string) => void;
}
