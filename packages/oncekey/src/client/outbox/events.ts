/** What an outbox tells while it works: for logs and for the user's eye. An event is never an error that was swallowed. */
import type { Failure, OutboxResult } from './entry.ts';

/** One thing that happened. */
export type OutboxEvent =
  | { readonly kind: 'added' | 'coalesced' | 'sent'; readonly id: string }
  | { readonly kind: 'done'; readonly id: string; readonly result: OutboxResult }
  /** The entry stopped and asks for a person. */
  | { readonly kind: 'dead'; readonly id: string; readonly failure: Failure }
  | { readonly kind: 'parked'; readonly id: string; readonly behind: string }
  /** It will be sent again after `delayMs`. */
  | { readonly kind: 'later'; readonly id: string; readonly why: LaterReason; readonly delayMs: number }
  /** Draining failed: the storage, or a function of the options. Nothing was lost; it goes on at the next drain. */
  | { readonly kind: 'drain-failed'; readonly error: unknown };

/**
 * `unreachable`: no answer. `captive`: an answer, but not the server's. `busy`: the server is busy or away.
 * `failing`: a 500. `credentials`: 401 or 407.
 */
export type LaterReason = 'unreachable' | 'captive' | 'busy' | 'failing' | 'credentials';
