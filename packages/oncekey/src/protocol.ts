/**
 * The words that client and server share on the wire: header names, problem codes and
 * what a client should do about each. It imports nothing, so that the client stays light;
 * statuses and texts live with the server (http/problem.ts).
 */

/** Request header that carries the key (draft-ietf-httpapi-idempotency-key-header-07). */
export const keyHeaderName = 'Idempotency-Key';

/** Answer header that is `true` on replays and absent otherwise; profiles may name it differently. */
export const replayHeaderName = 'Idempotent-Replayed';

/** Answer header with the retention in seconds, sent where `echoKey` is on and retention is not for ever. */
export const retentionHeaderName = 'Idempotency-Retention';

/** Answer header of a request that ran without protection; its value says why. */
export const unprotectedHeaderName = 'Idempotency-Unprotected';

/** Value of the unprotected header when the store was down. */
export const unprotectedByStore = 'store-unavailable';

/** Media type of a refusal in the default format (RFC 9457). */
export const problemMediaType = 'application/problem+json';

/** A problem's `type` is this prefix and its code. */
export const problemTypePrefix = 'urn:oncekey:problem:';

/** Names of the refusals, stable; a profile may rename them. */
export type ProblemCode =
  | 'idempotency_key_missing'
  | 'idempotency_key_invalid'
  | 'idempotency_scope_missing'
  | 'idempotency_key_reused'
  | 'idempotency_in_progress'
  | 'idempotency_outcome_unknown'
  | 'idempotency_outcome_not_kept'
  | 'request_too_large'
  | 'idempotency_store_unavailable'
  | 'idempotency_work_failed';

/** What a client should do: send the same again with the same key, send it with a new key, or stop and look. */
export type Advice = 'retry-same-key' | 'use-new-key' | 'stop';

/** What to do about each refusal. */
export const adviceByCode: Readonly<Record<ProblemCode, Advice>> = {
  idempotency_key_missing: 'use-new-key',
  idempotency_key_invalid: 'use-new-key',
  idempotency_scope_missing: 'stop',
  idempotency_key_reused: 'use-new-key',
  idempotency_in_progress: 'retry-same-key',
  idempotency_outcome_unknown: 'stop',
  idempotency_outcome_not_kept: 'stop',
  request_too_large: 'stop',
  idempotency_store_unavailable: 'retry-same-key',
  idempotency_work_failed: 'stop',
};
