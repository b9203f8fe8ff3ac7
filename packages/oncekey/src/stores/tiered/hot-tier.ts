/**
 * The hot store as something that may fail without anybody noticing but by the time it
 * takes (I12): each call has a short timeout, and after a failure the store is left alone
 * for a while, so that a silent one does not cost every request the timeout. Whether it is
 * back is tried by one call that nobody waits for. Decides nothing about records.
 */
import type { Clock } from '../../core/clock.ts';
import { IdempotencyError } from '../../core/errors.ts';
import { createGuard, StoreFailure, type Guard } from '../../core/guard.ts';
import { isPromise, type MaybePromise } from '../../core/maybe.ts';
import type { Store } from '../../core/store.ts';

/** A store that can be warmed. */
export type HotStore = Store & Required<Pick<Store, 'put'>>;

/** Told when the hot store stops or starts to serve. */
export type HotChange = { readonly kind: 'down'; readonly error: unknown } | { readonly kind: 'up' };

/** What a hot tier needs to know. */
export interface HotTierOptions {
  readonly store: HotStore;
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly onChange: ((change: HotChange) => void) | undefined;
}

/** How long a call may take at most that must have been made; nobody's request waits for one. */
export const insistMs = 1000;

const firstRestMs = 500;
const longestRestMs = 5000;

/** The hot store behind its timeout and its circuit. */
export class HotTier {
  readonly #store: HotStore;
  readonly #clock: Clock;
  readonly #guard: Guard;
  readonly #patientGuard: Guard;
  readonly #onChange: ((change: HotChange) => void) | undefined;
  /** Until when it is left alone; undefined while it serves. */
  #restUntilMs: number | undefined;
  #restMs = firstRestMs;
  #probing = false;

  constructor({ store, clock, timeoutMs, onChange }: HotTierOptions) {
    this.#store = store;
    this.#clock = clock;
    this.#guard = createGuard(clock, timeoutMs);
    this.#patientGuard = createGuard(clock, Math.max(timeoutMs, insistMs));
    this.#onChange = onChange;
  }

  /** Whether it serves, as far as is known. */
  get serves(): boolean {
    return this.#restUntilMs === undefined;
  }

  /** What the hot store answers; undefined when it cannot be asked now. Never rejects. */
  use<T>(call: (store: HotStore) => MaybePromise<T>): MaybePromise<T | undefined> {
    if (this.#restUntilMs === undefined) return this.#judge(this.#guard(() => call(this.#store)));
    if (!this.#probing && this.#clock.monotonicMs() >= this.#restUntilMs) this.#probe(call);
    return undefined;
  }

  /** The same, for what must have been done: throws where it cannot be. Asks also a store that is left alone. */
  async insist(call: (store: HotStore) => MaybePromise<unknown>): Promise<void> {
    const answer = await this.#patientGuard(() => call(this.#store));
    if (answer instanceof StoreFailure) throw answer.error;
  }

  #judge<T>(answer: MaybePromise<T | StoreFailure>): MaybePromise<T | undefined> {
    if (isPromise(answer)) return answer.then((arrived) => this.#judged(arrived));
    return this.#judged(answer);
  }

  #judged<T>(answer: T | StoreFailure): T | undefined {
    if (!(answer instanceof StoreFailure)) return answer;
    // One damaged copy says nothing about the store: the durable one answers instead.
    if (!IdempotencyError.is(answer.error, 'record_unreadable')) this.#rest(answer.error);
    return undefined;
  }

  #probe(call: (store: HotStore) => MaybePromise<unknown>): void {
    this.#probing = true;
    const learn = (answer: unknown): void => {
      this.#probing = false;
      if (answer instanceof StoreFailure) this.#rest(answer.error);
      else this.#serve();
    };
    const answer = this.#guard(() => call(this.#store));
    if (isPromise(answer)) answer.then(learn, learn);
    else learn(answer);
  }

  #rest(error: unknown): void {
    const wasServing = this.serves;
    // Calls that were under way together fail together: that is one failure, not many.
    if (!wasServing && this.#clock.monotonicMs() < (this.#restUntilMs ?? 0)) return;
    this.#restMs = wasServing ? firstRestMs : Math.min(this.#restMs * 2, longestRestMs);
    this.#restUntilMs = this.#clock.monotonicMs() + this.#restMs;
    if (wasServing) this.#onChange?.({ kind: 'down', error });
  }

  #serve(): void {
    this.#restUntilMs = undefined;
    this.#onChange?.({ kind: 'up' });
  }
}
