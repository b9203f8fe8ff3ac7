/**
 * The engine's own seam, which every inbound ring stands on: say what you intend, get
 * a decision; if it is yours, run the work and tell how it went. It keeps I1, I3, I6,
 * I8, I11 and I17 and knows no protocol, no query language and no wall clock.
 */
import type { Clock } from './clock.ts';
import type { OnceEvent } from './events.ts';
import type { MaybePromise } from './maybe.ts';
import type { AnswerOutcome, FailureOutcome, NotKeptOutcome, Outcome, ValueOutcome } from './outcome.ts';
import type { DurationMs, Fingerprint, IfAbandoned, Labels, RecordId, Store, Token } from './store.ts';
import type { Work } from './work.ts';

/** What an engine is made of. */
export interface EngineOptions {
  readonly store: Store;
  /** A store that does not answer within this time counts as down; default 2000 ms. */
  readonly storeTimeoutMs?: number;
  /** Hears everything that happens; must not throw. */
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
}

/** A granted claim. The heartbeat runs until `complete` or `release` has been called. */
export interface Ownership {
  readonly id: RecordId;
  readonly token: Token;
  readonly attempt: number;
  /** What the user's function gets to see. */
  readonly work: Work;
  /** Whether the lease is known to be lost: somebody else may own the record. */
  readonly lost: boolean;
  /** Whether the work declared that nothing happened. */
  readonly released: boolean;
  /**
   * Stores the outcome. `stored`: for good. `lost`: somebody else owns the record; nothing was written.
   * `unrecorded`: the store did not answer in time; it is tried again in the background while the lease lasts.
   */
  complete(outcome: Outcome): MaybePromise<'stored' | 'lost' | 'unrecorded'>;
  /** Gives the claim back: a repeat may run again. The answers mean the same as those of `complete`. */
  release(): MaybePromise<'released' | 'lost' | 'unrecorded'>;
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
  /** Writes what is still noted in memory and stops the timers; the store stays open. */
  close(): Promise<void>;
}
