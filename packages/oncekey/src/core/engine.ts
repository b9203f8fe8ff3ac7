/**
 * The engine's own seam, which every inbound ring stands on: say what you intend, get
 * a decision; if it is yours, run the work and tell how it went. It keeps I1, I3, I6,
 * I8, I11 and I17 and knows no protocol, no query language and no wall clock.
 */
import { systemClock, type Clock } from './clock.ts';
import { decide, decideFromRecord } from './decide.ts';
import type { OnceEvent } from './events.ts';
import { createGuard, defaultStoreTimeoutMs, StoreFailure, type Guard } from './guard.ts';
import { chain, type MaybePromise } from './maybe.ts';
import { ReplayNotes } from './notes.ts';
import type { AnswerOutcome, FailureOutcome, NotKeptOutcome, Outcome, ValueOutcome } from './outcome.ts';
import { Owned, type OwnerTools } from './ownership.ts';
import type {
  ClaimAnswer,
  ClaimAsk,
  DurationMs,
  Fingerprint,
  IfAbandoned,
  Labels,
  Note,
  RecordId,
  Store,
  Token,
} from './store.ts';
import { noLabels } from './store.ts';
import { freshToken } from './token.ts';
import { waitForOutcome } from './wait.ts';
import type { Running } from './work.ts';

/** What an engine is made of. */
export interface EngineOptions {
  readonly store: Store;
  /** A store that does not answer within this time counts as down; default 2000 ms. */
  readonly storeTimeoutMs?: number;
  /** Hears everything that happens; what it throws, also as a promise, becomes a process warning. */
  readonly onEvent?: (event: OnceEvent) => void;
  readonly clock?: Clock;
}

/** How one intent is to be treated. */
export interface Policy {
  /** Ownership without a heartbeat lasts this long; the heartbeat comes at a third of it. */
  readonly leaseMs: number;
  /** How long a completed record answers, from completion; null for ever. */
  readonly retentionMs: DurationMs;
  /** A duplicate while the first runs: told at once, or waits up to `waitMs` for the outcome. */
  readonly inProgress: 'reject' | 'wait';
  readonly waitMs: number;
  /** After a crash mid-work: run again as the next attempt, or hold for an operator. */
  readonly abandoned: IfAbandoned;
}

/** One intended effect, as somebody asks for it. */
export interface Intent {
  readonly id: RecordId;
  readonly labels: Labels;
  /** Null matches everything: the first input with the key wins. */
  readonly fingerprint: Fingerprint | null;
  /** The same input by another algorithm (the part before the colon), or null when that one is unknown. */
  readonly refingerprint?: (algorithm: string) => Fingerprint | null;
  readonly policy: Policy;
  /** Whether the lease is renewed while the work runs; default true. */
  readonly heartbeat?: boolean;
}

/** A granted claim. The heartbeat runs until `complete` or `giveBack` has been answered. */
export interface Ownership extends Running {
  readonly token: Token;
  readonly attempt: number;
  /** Whether the lease is known to be lost: somebody else may own the record. */
  readonly lost: boolean;
  /** Whether the work declared that nothing happened. */
  readonly released: boolean;
  /** When the outcome was stored, by the store's clock; null before, and where it could not be. */
  readonly completedAtMs: number | null;
  /**
   * Stores the outcome. `stored`: for good. `lost`: somebody else owns the record; nothing was written.
   * `unrecorded`: the store did not answer in time; it is tried again in the background while the lease lasts.
   */
  complete(outcome: Outcome): MaybePromise<'stored' | 'lost' | 'unrecorded'>;
  /** Gives the claim back: a repeat may run again. The answers mean the same as those of `complete`. */
  giveBack(): MaybePromise<'released' | 'lost' | 'unrecorded'>;
}

/** What is to be done with an intent. */
export type Decision =
  /** Yours: run the work, then `complete` or `release`. */
  | { readonly kind: 'run'; readonly ownership: Ownership }
  /** Done before; this is the first answer. */
  | {
      readonly kind: 'replay';
      readonly outcome: AnswerOutcome | ValueOutcome | FailureOutcome;
      readonly attempt: number;
      readonly completedAtMs: number;
    }
  /** Done before, but the answer was not kept. */
  | {
      readonly kind: 'not-kept';
      readonly outcome: NotKeptOutcome;
      readonly attempt: number;
      readonly completedAtMs: number;
    }
  /** Running elsewhere. */
  | { readonly kind: 'in-progress'; readonly attempt: number; readonly retryAfterMs: number }
  /** The key came before with other input (I6). */
  | { readonly kind: 'conflict'; readonly attempt: number }
  /** The owner went silent and policy holds the record (I8). */
  | { readonly kind: 'unknown'; readonly attempt: number }
  /** The store cannot say: nothing has run (I11). */
  | { readonly kind: 'store-down'; readonly cause: unknown };

/** What a duplicate is told; never `run`. */
export type DuplicateDecision = Exclude<Decision, { kind: 'run' }>;

/** Decides intents over one store. */
export interface Engine {
  /** Claims, or tells why not; with `inProgress: 'wait'` it may take up to `waitMs`. Never rejects. */
  begin(intent: Intent): MaybePromise<Decision>;
  /** What a duplicate would be told now; claims nothing. A stale owner answers with this. Never rejects. */
  look(intent: Intent): MaybePromise<DuplicateDecision>;
  /** Tells observers of a decision that was made elsewhere and notes it with the record. Never rejects. */
  told(intent: Intent, decision: Decision): MaybePromise<Decision>;
  /** Writes what is still noted in memory and stops the timers; the store stays open. */
  close(): Promise<void>;
}

/** An engine over one store. */
export function createEngine(options: EngineOptions): Engine {
  return new ClaimingEngine(options);
}

class ClaimingEngine implements Engine {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #guard: Guard;
  readonly #tools: OwnerTools;
  readonly #replays: ReplayNotes;
  readonly #pending = new Set<Promise<void>>();
  readonly #emit: EngineOptions['onEvent'];

  constructor({ store, onEvent, clock = systemClock, storeTimeoutMs = defaultStoreTimeoutMs }: EngineOptions) {
    this.#store = store;
    this.#clock = clock;
    this.#emit = onEvent;
    this.#guard = createGuard(clock, storeTimeoutMs);
    this.#replays = new ReplayNotes(clock, async (notes) => this.#note(notes));
    this.#tools = {
      store,
      clock,
      guard: this.#guard,
      storeTimeoutMs,
      emit: onEvent,
      background: (work) => this.#background(work),
    };
  }

  begin(intent: Intent): MaybePromise<Decision> {
    return chain(this.#claim(intent), (decision) => {
      if (decision.kind !== 'in-progress' || intent.policy.inProgress === 'reject') return this.told(intent, decision);
      const waited = waitForOutcome(this.#store, this.#clock, intent, () => this.#claim(intent));
      return waited.then((last) => this.told(intent, last));
    });
  }

  look(intent: Intent): MaybePromise<DuplicateDecision> {
    const record = this.#guard(() => this.#store.read(intent.id));
    return chain(record, (found) =>
      found instanceof StoreFailure ? this.#down(intent, 'read', found) : decideFromRecord(found, intent),
    );
  }

  async close(): Promise<void> {
    await this.#replays.flush();
    await Promise.all(this.#pending);
  }

  /** Claims; `again` with the same token where that failed: only the reply may have been lost. */
  #claim(intent: Intent, again?: ClaimAsk): MaybePromise<Decision> {
    const ask: ClaimAsk = again ?? {
      id: intent.id,
      token: freshToken(),
      fingerprint: intent.fingerprint,
      leaseMs: intent.policy.leaseMs,
      ifAbandoned: intent.policy.abandoned,
      // A held record must outlive every retention: only an operator may end it (I8).
      keepMs: intent.policy.abandoned === 'hold' ? null : intent.policy.retentionMs,
      labels: intent.labels,
    };
    const late = (answer: ClaimAnswer): void => {
      if (answer.kind === 'granted') this.#background(this.#giveBack(ask));
    };
    const answer = this.#guard(() => this.#store.claim(ask), late);
    return chain(answer, (it) => this.#claimed(intent, ask, it, again !== undefined));
  }

  #claimed(intent: Intent, ask: ClaimAsk, answer: ClaimAnswer | StoreFailure, last: boolean): MaybePromise<Decision> {
    if (answer instanceof StoreFailure) {
      if (last) this.#background(this.#giveBack(ask));
      const down = this.#down(intent, 'claim', answer);
      return last || !answer.mayPass ? down : this.#claim(intent, ask);
    }
    if (answer.kind === 'granted') {
      return { kind: 'run', ownership: new Owned(this.#tools, intent, ask.token, answer) };
    }
    const verdict = decide(answer, intent);
    // Once only: the second claim carries the record's own fingerprint and cannot come back here.
    if (verdict.kind !== 'claim-as') return verdict;
    return this.#claim({ ...intent, fingerprint: verdict.fingerprint });
  }

  /** Nobody will run under a claim whose answer came too late; a failure leaves it to its lease. */
  async #giveBack(ask: ClaimAsk): Promise<void> {
    await this.#guard(() => this.#store.release(ask.id, ask.token, ask.keepMs));
  }

  #down(intent: Intent, phase: string, failure: StoreFailure): Decision & { kind: 'store-down' } {
    this.#emit?.({ kind: 'store-failed', phase, error: failure.error, id: intent.id, labels: intent.labels });
    return { kind: 'store-down', cause: failure.error };
  }

  told(intent: Intent, decision: Decision): MaybePromise<Decision> {
    const { id, labels } = intent;
    switch (decision.kind) {
      case 'run': {
        const { attempt } = decision.ownership;
        this.#emit?.({ kind: attempt === 1 ? 'granted' : 'taken-over', attempt, id, labels });
        return decision;
      }
      case 'store-down':
        return decision;
      case 'replay':
        if (this.#store.note !== undefined) this.#replays.add(id);
        this.#emit?.({ kind: 'replayed', attempt: decision.attempt, id, labels });
        return decision;
      case 'not-kept':
        this.#emit?.({ kind: 'not-kept', attempt: decision.attempt, reason: decision.outcome.reason, id, labels });
        return decision;
      case 'conflict':
      case 'in-progress':
      case 'unknown':
        this.#emit?.({ kind: decision.kind, attempt: decision.attempt, id, labels });
        if (decision.kind !== 'conflict') return decision;
        // On record before the caller is told.
        return chain(this.#note([{ id, kind: 'conflict', fingerprint: intent.fingerprint }]), () => decision);
    }
  }

  /** Best effort: a store without notes has none. */
  #note(notes: readonly Note[]): MaybePromise<void> {
    const noted = this.#guard(() => this.#store.note?.(notes));
    return chain(noted, (answer) => {
      if (!(answer instanceof StoreFailure) || notes[0] === undefined) return;
      this.#emit?.({ kind: 'store-failed', phase: 'note', error: answer.error, id: notes[0].id, labels: noLabels });
    });
  }

  #background(work: Promise<void>): void {
    const tracked: Promise<void> = work.finally(() => this.#pending.delete(tracked));
    this.#pending.add(tracked);
  }
}
