/**
 * What a client may conclude from an answer: SEMANTICS' table of what is sent again. The
 * same key is sent again after 408, 425, 429, 500, 502, 503, 504, and after a 409 only when
 * it is the in-progress problem; never after an answer that is marked as replayed, for the
 * next one would be the same, and never after a business 409 or 422.
 */
import { replayHeaderName } from '../protocol.ts';

/** Names under which profiles mark a replay. */
export const replayHeaderNames: readonly string[] = [replayHeaderName, 'Idempotent-Replay', 'Idempotency-Replayed'];

/** Statuses after which the same request with the same key may be answered otherwise. */
export const retryableStatuses: readonly number[] = [408, 425, 429, 500, 502, 503, 504];

/** Codes by which the profiles say that the first request still runs. */
export const inProgressCodes: readonly string[] = [
  'idempotency_in_progress',
  'IDEMPOTENCY_IN_PROGRESS',
  'idempotency_key_pending',
  'idempotency_key_in_use',
];

/** The status of an in-progress problem. */
export const conflictStatus = 409;

/** Looks a header up by name; null when it is absent. */
export type HeaderLookup = (name: string) => string | null | undefined;

/** Whether an answer is marked as a replay. */
export function isReplayed(header: HeaderLookup): boolean {
  return replayHeaderNames.some((name) => header(name)?.toLowerCase() === 'true');
}

/** Whether to send the same again. `body` gives the answer's text; it is asked for a 409 only. */
export async function mayRetry(
  status: number,
  header: HeaderLookup,
  body: () => string | Promise<string>,
): Promise<boolean> {
  if (isReplayed(header)) return false;
  if (status !== conflictStatus) return retryableStatuses.includes(status);
  return /json/i.test(header('content-type') ?? '') && inProgressCodes.includes(problemCode(await body()) ?? '');
}

/** The code of a refusal in any of the three formats; undefined for any other text. */
export function problemCode(text: string): string | undefined {
  try {
    const value = JSON.parse(text) as { code?: unknown; error?: { code?: unknown } } | null;
    const code = value?.error?.code ?? value?.code;
    return typeof code === 'string' ? code : undefined;
  } catch {
    // Text that is no JSON is nobody's refusal.
    return undefined;
  }
}
