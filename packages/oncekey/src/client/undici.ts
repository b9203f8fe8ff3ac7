/**
 * Options for undici's own `interceptors.retry` that make it repeat what carries a key,
 * and only that. Its hook sees no body, so a 409 counts as in progress only as this
 * library's servers write it: JSON with Retry-After, and no replay. undici is not imported.
 */
import { keyHeaderName } from '../protocol.ts';
import { backoffMs, retryAfterMs, type BackoffRules } from './backoff.ts';
import { systemClock } from './clock.ts';
import { conflictStatus, isReplayed, retryableStatuses } from './verdict.ts';

interface RetryContext {
  readonly state: { readonly counter: number };
  readonly opts: { readonly method?: string; readonly headers?: unknown };
}

interface FailedTry extends Error {
  readonly statusCode?: number;
  readonly headers?: unknown;
}

/** The part of undici's retry options that this fills. */
export interface UndiciRetry {
  throwOnError: boolean;
  retry: (error: Error, context: RetryContext, done: (error?: Error | null) => void) => null;
}

const rules: BackoffRules = { minDelayMs: 300, maxDelayMs: 10_000, maxRetryAfterMs: 30_000 };

/** Retry options: `agent.compose(interceptors.retry(undiciRetry()))`. At most `limit` repeats (default 5). */
export function undiciRetry(limit = 5): UndiciRetry {
  return {
    throwOnError: false,
    retry(error, { state, opts }, done) {
      const failed = error as FailedTry;
      if (state.counter > limit || headerOf(opts.headers, keyHeaderName) === null || !mayBeOther(failed)) {
        done(error);
        return null;
      }
      const asked = retryAfterMs(headerOf(failed.headers, 'retry-after'), systemClock.nowMs());
      systemClock.after(backoffMs(rules, state.counter, asked), () => done(null));
      return null;
    },
  };
}

function mayBeOther({ statusCode, headers }: FailedTry): boolean {
  if (statusCode === undefined) return true;
  const header = (name: string): string | null => headerOf(headers, name);
  if (isReplayed(header)) return false;
  if (statusCode !== conflictStatus) return retryableStatuses.includes(statusCode);
  return header('retry-after') !== null && /json/i.test(header('content-type') ?? '');
}

/** undici takes headers as a flat list, as pairs, as an object or as anything that can be iterated. */
function headerOf(headers: unknown, name: string): string | null {
  const wanted = name.toLowerCase();
  for (const [key, value] of pairsOf(headers)) {
    if (String(key).toLowerCase() === wanted) return String(Array.isArray(value) ? value[0] : value);
  }
  return null;
}

function* pairsOf(headers: unknown): Iterable<readonly unknown[]> {
  if (typeof headers !== 'object' || headers === null) return;
  if (!Array.isArray(headers)) {
    yield* Symbol.iterator in headers ? (headers as Iterable<readonly unknown[]>) : Object.entries(headers);
    return;
  }
  if (Array.isArray(headers[0])) yield* headers as readonly (readonly unknown[])[];
  else for (let at = 0; at < headers.length; at += 2) yield [headers[at], headers[at + 1]];
}
