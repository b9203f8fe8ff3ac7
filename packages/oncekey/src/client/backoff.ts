/**
 * How long to wait before the next attempt: full jitter, so that clients which failed
 * together do not come back together, or what the server asks for in Retry-After
 * (RFC 9110, 10.2.3: seconds or a date), up to a cap.
 */
import { random } from './clock.ts';

/** Bounds of the waits, in milliseconds. */
export interface BackoffRules {
  /** The first wait is at most this; each next one may be twice as long. */
  readonly minDelayMs: number;
  /** No computed wait is longer. */
  readonly maxDelayMs: number;
  /** No Retry-After is waited for longer. */
  readonly maxRetryAfterMs: number;
}

/** The wait before attempt `attempt` + 1. */
export function backoffMs(rules: BackoffRules, attempt: number, retryAfterMs: number | null): number {
  const { minDelayMs, maxDelayMs, maxRetryAfterMs } = rules;
  // A little more than was asked for: everybody else was told the same moment.
  if (retryAfterMs !== null) return Math.min(retryAfterMs, maxRetryAfterMs) + random() * minDelayMs;
  return random() * Math.min(maxDelayMs, minDelayMs * 2 ** Math.min(attempt - 1, 30));
}

/** Milliseconds that a Retry-After value asks for, from `nowMs`; null when it says nothing. */
export function retryAfterMs(value: string | null | undefined, nowMs: number): number | null {
  const text = value?.trim() ?? '';
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const atMs = /[a-z]/i.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(atMs) ? null : Math.max(0, atMs - nowMs);
}
