/**
 * `createOnce` at work: names are checked, the engine decides, and what it decides
 * becomes a value or an error. No rule lives here.
 */
import { bindTo, RolledBack } from '../atomic/claim.ts';
import type { AtomicDatabase } from '../atomic/database.ts';
import { createEngine, type Engine, type Intent, type Ownership } from '../core/engine.ts';
import { IdempotencyError } from '../core/errors.ts';
import { createGuard, defaultStoreTimeoutMs, StoreFailure, type Guard } from '../core/guard.ts';
import { systemClock, type Clock } from '../core/clock.ts';
import type { MaybePromise } from '../core/maybe.ts';
import type { ValueOutcome } from '../core/outcome.ts';
import type { CompleteAnswer, EraseAnswer, Executor, ResolveAnswer, Store, SweepAnswer } from '../core/store.ts';
import { tell } from '../core/tell.ts';
import { freshToken } from '../core/token.ts';
import { ownedHere, type Work } from '../core/work.ts';
import { asWork } from './as-work.ts';
import { soundFilters, soundLimit } from './asked.ts';
import { checkCall } from './check-call.ts';
import { soundDecision } from './decision.ts';
import { type AtomicParts, runAtomic, within } from './atomic.ts';
import { failureFrom } from './failure.ts';
import { identify, intentOf } from './intent.ts';
import { soundName } from './names.ts';
import type {
  ClaimCall,
  Claimed,
  CompleteCall,
  ListCall,
  Once,
  OperationCall,
  OperationName,
  ResolveCall,
  RunResult,
} from './once.ts';
import { choose, type Choices, type OnceOptions } from './options.ts';
import { factsOf, operationRecord, type OperationRecord, type OutcomeFacts } from './record.ts';
import { refusal } from './refusal.ts';
import { outcomeFor, replayed, unrecorded, valueOf } from './result.ts';
import { unownedWork } from './unowned.ts';
import { whole } from './whole.ts';

/** See `Once`. */
export class Operations implements Once {
  readonly #store: Store;
  readonly #engine: Engine;
  readonly #guard: Guard;
  readonly #clock: Clock;
  readonly #choices: Choices;
  readonly #atomic: AtomicParts;
  readonly #onEvent: OnceOptions['onEvent'];

  constructor(options: OnceOptions) {
    if (typeof options?.store?.claim !== 'function')
      throw new TypeError('store is missing; pass one, such as memory()');
    this.#choices = choose(options);
    const { onEvent, storeTimeoutMs = defaultStoreTimeoutMs } = options;
    // Any other would take every store for silent.
    whole('storeTimeoutMs', storeTimeoutMs);
    this.#store = options.store;
    this.#onEvent = onEvent && ((event) => tell(onEvent, event));
    this.#engine = createEngine({ ...options, ...(this.#onEvent && { onEvent: this.#onEvent }) });
    this.#clock = options.clock ?? systemClock;
    this.#guard = createGuard(this.#clock, storeTimeoutMs);
    this.#atomic = {
      store: this.#store,
      engine: this.#engine,
      clock: this.#clock,
      choices: this.#choices,
      running: new Set(),
      checked: undefined,
      check: () => this.#ask('check', () => this.#store.check?.()),
      read: (id) => this.#ask('read', () => this.#store.read(id)),
    };
  }

  async run<T>(call: OperationCall, act: (work: Work) => T | Promise<T>): Promise<RunResult<T>> {
    checkCall(call, act);
    const choices = choose(call, this.#choices);
    const intent = intentOf(call, choices);
    const outer = ownedHere(({ id }) => id === intent.id);
    // Nested use with the same key is the same work, not a duplicate of it (rule 16).
    if (outer !== undefined) return unrecorded(intent, outer, await act(outer));
    const decision = await this.#engine.begin(intent);
    if (decision.kind === 'store-down' && choices.storeDown === 'pass') return this.#unprotected(intent, act);
    if (decision.kind !== 'run') return replayed(intent, decision);
    const { ownership } = decision;
    let value: T;
    try {
      value = await asWork(choices, ownership, () => act(ownership.work));
    } catch (error) {
      await this.#failed(ownership, choices, error);
      throw error;
    }
    if (ownership.released) {
      await ownership.giveBack();
      return unrecorded(intent, ownership.work, value);
    }
    const made = outcomeFor(value, {}, choices.maxOutcomeBytes);
    const settled = await ownership.complete(made.outcome);
    if ('error' in made) throw made.error;
    const record = settledFacts(ownership, settled, choices, made.outcome);
    return { status: 'executed', value: valueOf(made.outcome) as T, record };
  }

  atomic<Tx, T>(db: AtomicDatabase<Tx>, call: OperationCall, act: (tx: Tx) => T | Promise<T>): Promise<RunResult<T>> {
    return runAtomic(this.#atomic, db, call, act);
  }

  async within<T>(execute: Executor, call: OperationCall, act: () => T | Promise<T>): Promise<RunResult<T>> {
    if (typeof execute !== 'function')
      throw new TypeError('execute is no executor; pass the open transaction in one, such as pgExecutor(client)');
    checkCall(call, act);
    const choices = choose(call, this.#choices);
    const intent = intentOf(call, choices);
    try {
      return await within(bindTo(this.#store, execute), intent, choices, freshToken(), execute, act);
    } catch (error) {
      if (!(error instanceof RolledBack)) throw error;
      await this.#engine.told(intent, error.told);
      return replayed(intent, error.told);
    }
  }

  async claim(call: ClaimCall): Promise<Claimed> {
    checkCall(call);
    const { expiresInMs } = call;
    const choices = choose(expiresInMs === undefined ? call : { ...call, leaseMs: expiresInMs }, this.#choices);
    const intent = { ...intentOf(call, choices), heartbeat: expiresInMs === undefined };
    const decision = await this.#engine.begin(intent);
    switch (decision.kind) {
      case 'run':
        return this.#granted(decision.ownership, choices);
      case 'replay': {
        const { outcome, attempt, completedAtMs } = decision;
        const record = factsOf(intent.id, attempt, completedAtMs, outcome);
        if (outcome.kind === 'failure')
          return { outcome: 'failed', reason: `${outcome.name}: ${outcome.message}`, record };
        return { outcome: 'completed', value: valueOf(outcome), record };
      }
      case 'not-kept': {
        const { outcome, attempt, completedAtMs } = decision;
        return {
          outcome: 'not-kept',
          reason: outcome.reason,
          record: factsOf(intent.id, attempt, completedAtMs, outcome),
        };
      }
      case 'in-progress': {
        const { retryAfterMs, attempt } = decision;
        return { outcome: 'in-progress', retryAfterMs, attempt, record: await this.#find(intent.id) };
      }
      case 'conflict':
        return { outcome: 'conflict', attempt: decision.attempt, record: await this.#find(intent.id) };
      case 'unknown':
        return { outcome: 'abandoned', attempt: decision.attempt, record: await this.#find(intent.id) };
      case 'store-down':
        throw refusal(decision);
    }
  }

  async complete(call: CompleteCall): Promise<CompleteAnswer> {
    checkCall(call);
    const { id } = identify(call);
    const token = soundName('token', call.token);
    const { retentionMs, maxOutcomeBytes } = choose(
      call.retentionMs === undefined ? {} : { retentionMs: call.retentionMs },
      this.#choices,
    );
    const made = outcomeFor(call.value, call, maxOutcomeBytes);
    const { outcome } = made;
    const answer = await this.#ask('complete', () => this.#store.complete({ id, token, outcome, retentionMs }));
    if ('error' in made) throw made.error;
    return answer;
  }

  async get(name: OperationName): Promise<OperationRecord | undefined> {
    checkCall(name);
    if ([name.key, name.operation].some((text) => typeof text === 'string' && text.trim() === '')) return undefined;
    return this.#find(identify(name).id);
  }

  async list(call: ListCall = {}): Promise<{ records: readonly OperationRecord[]; cursor: string | null }> {
    const { store } = this.#able('list');
    const ask = soundFilters(call);
    const page = await this.#ask('list', () => store.list(ask));
    return { records: page.records.map(operationRecord), cursor: page.cursor };
  }

  async sweep(limit = 1000): Promise<SweepAnswer> {
    const { store } = this.#able('sweep');
    const most = soundLimit(limit);
    return this.#ask('sweep', () => store.sweep(most));
  }

  async resolve(call: ResolveCall): Promise<ResolveAnswer> {
    const { store } = this.#able('resolve');
    checkCall(call);
    const { id, labels } = identify(call);
    const asked = soundDecision(call, this.#choices);
    const answer = await this.#ask('resolve', () => store.resolve({ id, ...asked }));
    const { by, decision } = asked;
    if (answer.kind === 'resolved') this.#onEvent?.({ kind: 'resolved', id, labels, by, decision: decision.kind });
    return answer;
  }

  async erase(name: OperationName): Promise<EraseAnswer> {
    const { store } = this.#able('erase');
    checkCall(name);
    const { id, labels } = identify(name);
    const answer = await this.#ask('erase', () => store.erase(id, this.#choices.retentionMs));
    if (answer.kind === 'erased') this.#onEvent?.({ kind: 'erased', id, labels });
    return answer;
  }

  close(): Promise<void> {
    return this.#engine.close();
  }

  /** What a throw leaves behind. The caller gets the error itself, whatever becomes of the record. */
  async #failed(ownership: Ownership, choices: Choices, error: unknown): Promise<void> {
    if (ownership.released || choices.failures === 'release') {
      await ownership.giveBack();
      return;
    }
    await ownership.complete(failureFrom(error));
  }

  #granted(ownership: Ownership, choices: Choices): Claimed {
    const { attempt, token, work } = ownership;
    return {
      outcome: 'granted',
      attempt,
      token,
      work,
      complete: async (value, words = {}) => {
        const made = outcomeFor(value, words, choices.maxOutcomeBytes);
        const settled = await ownership.complete(made.outcome);
        if ('error' in made) throw made.error;
        return settledFacts(ownership, settled, { unrecorded: 'break' }, made.outcome);
      },
      release: async () => {
        const released = await ownership.giveBack();
        if (released === 'lost') throw leaseLost(attempt);
        if (released === 'unrecorded') throw unstored();
      },
    };
  }

  async #unprotected<T>(intent: Intent, act: (work: Work) => T | Promise<T>): Promise<RunResult<T>> {
    this.#onEvent?.({ kind: 'unprotected', id: intent.id, labels: intent.labels });
    const work = unownedWork(intent.id);
    return unrecorded(intent, work, await act(work));
  }

  async #find(id: string): Promise<OperationRecord | undefined> {
    const record = await this.#ask('read', () => this.#store.read(id));
    return record === undefined ? undefined : operationRecord(record);
  }

  async #ask<T>(phase: string, call: () => MaybePromise<T>): Promise<T> {
    const answer = await this.#guard(call);
    if (!(answer instanceof StoreFailure)) return answer;
    if (IdempotencyError.is(answer.error) || answer.error instanceof TypeError || answer.error instanceof RangeError) {
      throw answer.error;
    }
    const message = `the store failed at ${phase}; repeat the call`;
    throw new IdempotencyError('store_unavailable', message, { phase: 'other' }, { cause: answer.error });
  }

  #able<M extends 'list' | 'sweep' | 'resolve' | 'erase'>(method: M): { store: Store & Required<Pick<Store, M>> } {
    const store = this.#store;
    if (store[method] === undefined) throw new TypeError(`the ${store.name} store has no ${method}`);
    return { store: store as Store & Required<Pick<Store, M>> };
  }
}

/** The facts of what was stored, or why nothing was. */
function settledFacts(
  { id, attempt, completedAtMs }: Ownership,
  settled: 'stored' | 'lost' | 'unrecorded',
  { unrecorded: onSilence }: Pick<Choices, 'unrecorded'>,
  outcome: ValueOutcome,
): OutcomeFacts {
  if (settled === 'lost') throw leaseLost(attempt);
  if (settled === 'unrecorded' && onSilence === 'break') throw unstored();
  return factsOf(id, attempt, settled === 'stored' ? completedAtMs : null, outcome);
}

function leaseLost(attempt: number): IdempotencyError {
  const message = `attempt ${attempt} ended after its lease was lost, and its outcome was not stored; repeat with the same key for the owner's`;
  return new IdempotencyError('lease_lost', message, { attempt });
}

function unstored(): IdempotencyError {
  const message =
    'the operation ran, but the store did not record its outcome; it is still being tried: repeat with the same key';
  return new IdempotencyError('store_unavailable', message, { phase: 'complete' });
}
