/**
 * What observers hear: one typed event for everything that is decided. Logs, metrics
 * and traces are made of these and of nothing else.
 */
import type { Labels, RecordId } from './store.ts';

/** What an event is about. `labels.key` is the caller's key: do not log it unasked. */
interface About {
  readonly id: RecordId;
  readonly labels: Labels;
}

/** Everything that can happen to an intent. */
export type OnceEvent =
  | (About & { readonly kind: 'granted'; readonly attempt: number })
  /** The previous owner went silent; this attempt runs in his place. */
  | (About & { readonly kind: 'taken-over'; readonly attempt: number })
  | (About & { readonly kind: 'replayed'; readonly attempt: number })
  | (About & { readonly kind: 'not-kept'; readonly attempt: number; readonly reason: string })
  | (About & { readonly kind: 'in-progress'; readonly attempt: number })
  | (About & { readonly kind: 'conflict'; readonly attempt: number })
  /** Held for an operator. */
  | (About & { readonly kind: 'unknown'; readonly attempt: number })
  | (About & { readonly kind: 'completed'; readonly attempt: number; readonly runMs: number })
  | (About & { readonly kind: 'released'; readonly attempt: number; readonly runMs: number })
  /** A heartbeat or a write was told that somebody else owns the record. */
  | (About & { readonly kind: 'lease-lost'; readonly attempt: number })
  /** A store call failed or timed out; `phase` names the call. */
  | (About & { readonly kind: 'store-failed'; readonly phase: string; readonly error: unknown })
  /** The work is done and could not be recorded in time; it is tried again while the lease lasts. */
  | (About & { readonly kind: 'unrecorded'; readonly attempt: number })
  /** The lease ended before an `unrecorded` outcome could be stored. */
  | (About & { readonly kind: 'record-lost'; readonly attempt: number })
  /** Ran without protection because the store was down and that was opted into. */
  | (About & { readonly kind: 'unprotected' })
  | (About & { readonly kind: 'resolved'; readonly by: string; readonly decision: 'rerun' | 'outcome' })
  | (About & { readonly kind: 'erased' });
