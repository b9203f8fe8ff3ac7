/**
 * Every choice the HTTP protocol leaves to its user, with the default of the `safe`
 * profile. Profiles are sets of these options and nothing else (http/profiles.ts).
 */
import type { Engine, EngineOptions } from '../core/engine.ts';
import type { Clock } from '../core/clock.ts';
import type { OnceEvent } from '../core/events.ts';
import type { DurationMs, Store } from '../core/store.ts';
import type { MaybePromise } from '../core/maybe.ts';
import type { Answer, ScopeAnswer } from './seam.ts';

/** The situations in which the protocol answers itself. */
export type ProblemKind =
  | 'key-missing'
  | 'key-invalid'
  | 'scope-missing'
  | 'key-reused'
  | 'in-progress'
  | 'outcome-unknown'
  | 'outcome-not-kept'
  | 'request-too-large'
  | 'store-unavailable'
  | 'work-failed';

/** One refusal, before it is given a format. */
export interface Problem {
  readonly kind: ProblemKind;
  readonly status: number;
  /** Such as `idempotency_key_reused`. */
  readonly code: string;
  readonly message: string;
  /** The same request with the same key may succeed later. */
  readonly retryable: boolean;
  /** What the client should do. */
  readonly advice: 'retry-same-key' | 'use-new-key' | 'stop';
  readonly retryAfterS: number | null;
}

/** How requests are protected; all of it may differ by route. */
export interface ProtocolOptions {
  /** Protected methods, upper case; default POST and PATCH. GET, HEAD, OPTIONS, TRACE and upgrades are never claimed. */
  readonly methods?: readonly string[];
  /** Default `idempotency-key`. */
  readonly keyHeader?: string;
  /** Default `pass`. */
  readonly missingKey?: 'pass' | 'reject';
  /** `pass` treats an unusable key as if none had been sent; default `reject`. */
  readonly invalidKey?: 'pass' | 'reject';
  /** `strict`: structured-field String only; `any`: one line as it came; default `lenient`: quoted or bare. */
  readonly keyFormat?: 'lenient' | 'strict' | 'any';
  /** Default 255 characters. */
  readonly maxKeyLength?: number;
  /** Whether a quoted key may contain spaces; default `allow`. */
  readonly keySpaces?: 'allow' | 'reject';
  /** Keyed request without a scope: 400 (default), or the public scope. */
  readonly noScope?: 'reject' | 'public';
  /** Names the operation; by default it is absent and method and target are part of the fingerprint only. */
  readonly operation?: string;
  /** `canonical` (default): JSON by value up to `maxCanonicalBytes`; `exact`: method, target and body bytes; `none`: the first request wins. */
  readonly fingerprint?: 'canonical' | 'exact' | 'none';
  /** Headers that belong to the input; lower case; default none. */
  readonly fingerprintHeaders?: readonly string[];
  /** Default 16384. */
  readonly maxCanonicalBytes?: number;
  /** Default `reject`. */
  readonly inProgress?: 'reject' | 'wait';
  /** Default 10000 ms. */
  readonly waitMs?: number;
  /** Default `rerun`. */
  readonly abandoned?: 'rerun' | 'hold';
  /** What a 5xx or a throw leaves behind; default `safe`: 503 released, the rest stored. */
  readonly serverErrors?: 'safe' | 'release' | 'store';
  /** Statuses below 500 that are released, beside a 1xx and 304; default 401, 403, 407, 408, 409, 421, 423, 425, 429, 431. */
  readonly releasedStatuses?: readonly number[];
  /** Default 30000 ms; the heartbeat comes at a third. */
  readonly leaseMs?: number;
  /** Default 86400000 ms (24 h) from completion; null for ever. */
  readonly retentionMs?: DurationMs;
  /** Larger keyed requests get 413; default 2097152. */
  readonly maxRequestBytes?: number;
  /** Larger answers are not kept; default 1048576. */
  readonly maxResponseBytes?: number;
  /** What stays of an answer over the cap: a tombstone that is told (default), or status and headers without a body. */
  readonly oversize?: 'tombstone' | 'status-only';
  /** Store down at claim: 503 (default), or run unprotected and say so in `Idempotency-Unprotected`. */
  readonly storeDown?: 'reject' | 'pass';
  /** Store down at completion: the answer goes out (default), or the connection breaks. */
  readonly unrecorded?: 'answer' | 'break';
  /** Default 2000 ms. */
  readonly storeTimeoutMs?: number;
  /** Default `Idempotent-Replayed`; set to `true` on replays only. */
  readonly replayHeader?: string;
  /** Default `problem` (RFC 9457). */
  readonly errorFormat?: 'problem' | 'envelope' | 'stripe';
  /** Other statuses and codes for some situations, as a profile's users know them. */
  readonly problems?: Partial<Record<ProblemKind, { readonly status?: number; readonly code?: string }>>;
  /** Replaces a refusal's answer altogether. */
  readonly renderProblem?: (problem: Problem) => Answer;
  /** Origins that may read answers made here and replays, or `*`; default none. */
  readonly corsOrigins?: readonly string[];
  /** Echo the accepted key and advertise the retention on answers; default false. */
  readonly echoKey?: boolean;
  /** `observe` counts and tells, never refuses; default `enforce`. */
  readonly mode?: 'enforce' | 'observe';
  /**
   * The user's own database, of which the store is a part: the handler finds its transaction in `currentWork().tx`, and
   * the answer is committed with what was written there. A 5xx or a throw rolls back and releases. What
   * `transactionsOf(database)` of `oncekey/atomic` gives.
   */
  readonly atomic?: (parts: EngineOptions) => Engine;
  readonly onEvent?: (event: OnceEvent) => void;
  /** Hears what a handler threw when the protocol answers in its place; default: a process warning. */
  readonly onWorkError?: (error: unknown) => void;
  readonly clock?: Clock;
}

/** Options of a framework's entry; `Request` is that framework's own request. */
export interface EntryOptions<Request> extends ProtocolOptions {
  /** Where records live. */
  readonly store: Store;
  /** Who a key belongs to: a function of the request, or `'public'` for one shared scope. Required: never shared by accident. */
  readonly scope: 'public' | ((request: Request) => MaybePromise<ScopeAnswer>);
}
