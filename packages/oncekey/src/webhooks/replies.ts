/**
 * What a provider is answered: one exhaustive table from what happened to a status. Done is
 * 2xx, so that it stops; what may go better later is 503 with Retry-After; what is wrong with
 * the delivery is 4xx. Providers repeat whatever is not 2xx, by schedules of their own.
 */
import type { ErrorCode } from '../core/errors.ts';
import type { HeaderLine } from '../core/outcome.ts';
import type { Answer } from '../http/seam.ts';
import type { RefusedFor } from './verdict.ts';

/** How a delivery went. */
export type ReplyKind = 'handled' | 'duplicate' | 'failed' | 'method' | 'too-large' | RefusedFor | ErrorCode;

const statuses = {
  handled: 200,
  duplicate: 200,
  failed: 500,
  method: 405,
  'too-large': 413,
  signature: 401,
  timestamp: 400,
  id: 400,
  payload: 400,
  // Erased, or of another kind: it took effect, and a repeat would not change that.
  outcome_not_kept: 200,
  in_progress: 503,
  lease_lost: 503,
  store_unavailable: 503,
  outcome_unknown: 503,
  job_unregistered: 503,
  key_reused: 422,
  key_missing: 400,
  key_invalid: 400,
  scope_missing: 500,
  field_invalid: 500,
  outcome_too_large: 500,
  outcome_unserializable: 500,
  work_failed: 500,
  step_invalid: 500,
  store_unusable: 500,
  record_unreadable: 500,
} satisfies Record<ReplyKind, number>;

/** What a provider is asked to wait where nothing better is known. */
const retryAfterS = 5;

/** The answer; `reason` is told with every refusal. */
export function reply(kind: ReplyKind, reason = '', retryAfterMs?: number): Answer {
  const status = statuses[kind];
  const refusal = status >= 400;
  const body = new TextEncoder().encode(
    refusal ? JSON.stringify({ status, code: `webhook_${kind}`, detail: reason }) : '',
  );
  const headers: HeaderLine[] = [
    ['Cache-Control', 'no-store'],
    ['Content-Length', String(body.length)],
  ];
  if (refusal) headers.push(['Content-Type', 'application/problem+json']);
  if (status === 405) headers.push(['Allow', 'POST']);
  if (status === 503) {
    const seconds = retryAfterMs === undefined ? retryAfterS : Math.ceil(retryAfterMs / 1000);
    headers.push(['Retry-After', String(Math.max(1, seconds))]);
  }
  return { status, headers, body };
}
