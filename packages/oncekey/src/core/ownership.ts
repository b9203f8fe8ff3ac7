/**
 * One granted claim, from grant to settlement: heartbeat, steps, and the outcome's way
 * into the store. Only the store says whether it is still the owner's (I3); a store
 * that is silent at the end is tried again while the lease lasts (rule 13).
 */
import type { Clock } from './clock.ts';
import type { EngineOptions, Intent, Ownership } from './engine.ts';
import { IdempotencyError } from './errors.ts';
import type { OnceEvent } from './events.ts';
import { pause, StoreFailure, type Guard } from './guard.ts';
import { heartbeatsOf, type Beat, type Lease } from './lease.ts';
import { chain, isPromise, type MaybePromise } from './maybe.ts';
import type { Outcome } from './outcome.ts';
import type { Granted, SavedStep, SaveStepAnswer, Store, Token } from './store.ts';
import { derivedKey, Steps, type Work } from './work.ts';

/** What all ownerships of an engine share. */
export interface OwnerTools {
  readonly store: Store;
  readonly clock: Clock;
  readonly guard: Guard;
  readonly storeTimeoutMs: number;
  /** Absent where nobody listens: an unheard event is not even made. */
  readonly emit: EngineOptions['onEvent'];
  /** Work that goes on after its caller was answered. */
  background(work: Promise<void>): void;
}

/** A granted claim. It keeps nothing of the intent that leads to the request: a kept-alive connection's timer holds on to its flow. */
export class Owned implements Ownership, Work, Lease {
  readonly id: string;
  readonly token: Token;
  readonly attempt: number;
  readonly leaseMs: number;
  readonly work: Work = this;
  lost = false;
  released = false;
  settled = false;
  completedAtMs: number | null = null;
  readonly #tools: OwnerTools;
  readonly #labels: Intent['labels'];
  readonly #retentionMs: Intent['policy']['retentionMs'];
  readonly #savedSteps: readonly SavedStep[];
  readonly #startMs: number;
  readonly #beat: Beat | undefined;
  #steps: Steps | undefined;
  #abort: AbortController | undefined;

  constructor(tools: OwnerTools, intent: Intent, token: Token, granted: Granted) {
    this.id = intent.id;
    this.token = token;
    this.attempt = granted.attempt;
    this.leaseMs = intent.policy.leaseMs;
    this.#tools = tools;
    this.#labels = intent.labels;
    this.#retentionMs = intent.policy.retentionMs;
    this.#savedSteps = granted.steps;
    this.#startMs = tools.clock.monotonicMs();
    this.#beat = (intent.heartbeat ?? true) ? heartbeatsOf(tools.clock).add(this) : undefined;
  }

  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.lost) this.#abort.abort(this.#lostError());
    return this.#abort.signal;
  }

  async step<T>(name: string, act: () => T | Promise<T>): Promise<T> {
    if (this.lost || this.settled) throw this.#lostError();
    this.#steps ??= new Steps(this.#savedSteps, (step) => this.#saveStep(step));
    return this.#steps.run(name, act);
  }

  key(name: string): string {
    return derivedKey(this.id, name);
  }

  release(): void {
    this.released = true;
  }

  complete(outcome: Outcome): MaybePromise<'stored' | 'lost' | 'unrecorded'> {
    const ask = { id: this.id, token: this.token, outcome, retentionMs: this.#retentionMs };
    const call = (): ReturnType<Store['complete']> => this.#tools.store.complete(ask);
    return this.#settle('complete', call, (answer) => {
      if (answer.kind === 'lost') return 'lost';
      this.completedAtMs = answer.completedAtMs;
      return 'stored';
    });
  }

  giveBack(): MaybePromise<'released' | 'lost' | 'unrecorded'> {
    const call = (): ReturnType<Store['release']> => this.#tools.store.release(this.id, this.token, this.#retentionMs);
    return this.#settle('release', call, ({ kind }) => kind);
  }

  extend(told: (answer: 'kept' | 'lost' | 'silent') => void): void {
    const answer = this.#tools.guard(() => this.#tools.store.extend(this.id, this.token, this.leaseMs));
    const done = chain(answer, (it) => {
      if (!(it instanceof StoreFailure)) return told(it.kind);
      this.#emit({ kind: 'store-failed', phase: 'extend', error: it.error });
      told('silent');
    });
    if (isPromise(done)) this.#tools.background(done);
  }

  lose(): void {
    if (this.lost) return;
    this.lost = true;
    this.#abort?.abort(this.#lostError());
    this.#emit({ kind: 'lease-lost', attempt: this.attempt });
  }

  #settle<A extends { readonly kind: string }, R extends string>(
    phase: 'complete' | 'release',
    call: () => MaybePromise<A>,
    result: (answer: A) => R,
  ): MaybePromise<R | 'unrecorded'> {
    const { clock, guard, storeTimeoutMs } = this.#tools;
    this.settled = true;
    const answerByMs = clock.monotonicMs() + storeTimeoutMs;
    const finish = (answer: A): R => {
      heartbeatsOf(clock).remove(this.#beat);
      if (answer.kind === 'lost') this.lose();
      else this.#emit({ kind: `${phase}d`, attempt: this.attempt, runMs: clock.monotonicMs() - this.#startMs });
      return result(answer);
    };
    return chain(guard(call), (first) =>
      first instanceof StoreFailure ? this.#insist(phase, first, answerByMs, call, finish) : finish(first),
    );
  }

  /** Tries until the store timeout in front of the caller, then behind him until the lease ends. */
  async #insist<A, R>(
    phase: 'complete' | 'release',
    first: StoreFailure,
    answerByMs: number,
    call: () => MaybePromise<A>,
    finish: (answer: A) => R,
  ): Promise<R | 'unrecorded'> {
    const { clock, guard } = this.#tools;
    let answer: A | StoreFailure = first;
    for (let pauseMs = 20; answer instanceof StoreFailure; pauseMs = Math.min(pauseMs * 2, 1000)) {
      this.#emit({ kind: 'store-failed', phase, error: answer.error });
      if (clock.monotonicMs() + pauseMs >= answerByMs) {
        this.#tools.background(this.#insistBehind(phase, call, finish));
        return 'unrecorded';
      }
      await pause(clock, pauseMs);
      answer = await guard(call);
    }
    return finish(answer);
  }

  async #insistBehind<A>(
    phase: 'complete' | 'release',
    call: () => MaybePromise<A>,
    finish: (answer: A) => unknown,
  ): Promise<void> {
    const { clock, guard } = this.#tools;
    if (phase === 'complete') this.#emit({ kind: 'unrecorded', attempt: this.attempt });
    for (let pauseMs = 100; ; pauseMs = Math.min(pauseMs * 2, 1000)) {
      await pause(clock, pauseMs);
      const answer = await guard(call);
      if (!(answer instanceof StoreFailure)) return void finish(answer);
      const endMs = this.#beat?.endMs ?? this.#startMs + this.leaseMs;
      if (clock.monotonicMs() >= endMs) break;
    }
    heartbeatsOf(clock).remove(this.#beat);
    this.#emit({ kind: 'record-lost', attempt: this.attempt });
  }

  async #saveStep(step: SavedStep): Promise<void> {
    const save = (): MaybePromise<SaveStepAnswer> => this.#tools.store.saveStep(this.id, this.token, step);
    const first = await this.#tools.guard(save);
    // Only the reply may have been lost, and saving a name again replaces it.
    const answer = first instanceof StoreFailure ? await this.#tools.guard(save) : first;
    if (answer instanceof StoreFailure) {
      this.#emit({ kind: 'store-failed', phase: 'saveStep', error: answer.error });
      if (IdempotencyError.is(answer.error, 'outcome_too_large')) throw answer.error;
      const message = `step ${JSON.stringify(step.name)} ran, but the store did not record it; repeat with the same key`;
      throw new IdempotencyError('store_unavailable', message, { phase: 'work' }, { cause: answer.error });
    }
    if (answer.kind === 'lost') {
      this.lose();
      throw this.#lostError();
    }
  }

  #lostError(): IdempotencyError<'lease_lost'> {
    const message = `attempt ${this.attempt} lost its lease and somebody else may be running; stop, and repeat with the same key`;
    return new IdempotencyError('lease_lost', message, { attempt: this.attempt });
  }

  #emit(event: DistributiveOmit<OnceEvent, 'id' | 'labels'>): void {
    this.#tools.emit?.({ ...event, id: this.id, labels: this.#labels });
  }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
