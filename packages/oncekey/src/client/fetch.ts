/**
 * `fetch` with a key for each intent: makes or takes the key, sends the same bytes with
 * the same key until there is an answer that another attempt would not change, and tells
 * how it went. It remembers nothing: what must survive a restart belongs in the outbox.
 */
import { keyHeaderName, retentionHeaderName } from '../protocol.ts';
import { attemptOnce, type Ended } from './attempt.ts';
import { backoffMs, retryAfterMs } from './backoff.ts';
import { pause } from './clock.ts';
import { ClientError } from './errors.ts';
import { newKey, readKeyValue } from './key.ts';
import { fetchSettings, type FetchSettings, type IdempotentFetchOptions } from './options.ts';
import { outgoingOf, type KeyedInit, type Outgoing } from './outgoing.ts';
import { isReplayed, mayRetry } from './verdict.ts';

/** How a keyed request went. */
export interface Delivery {
  readonly key: string;
  /** Requests sent, from 1. */
  readonly attempts: number;
  /** Whether the answer is the replay of an earlier one. */
  readonly replayed: boolean;
  /** Whether the answer names the key (`echoKey` of the server): nothing in between has made it up. */
  readonly echoed: boolean;
  /** How long the server answers for this key, where it says so. */
  readonly retentionMs: number | null;
}

/** The platform's Response and how it was come by; null for a request that got no key. */
export type DeliveredResponse = Response & { readonly idempotency: Delivery | null };

/** What `idempotentFetch` gives: takes all that `fetch` takes. */
export type IdempotentFetch = (input: string | URL | Request, init?: KeyedInit) => Promise<DeliveredResponse>;

/**
 * A `fetch` that gives each POST and PATCH a key and repeats it safely; other requests pass unchanged, once.
 * It resolves with the last answer, whatever its status, and throws a ClientError (`unreachable`, `timed_out`) with
 * the key when no attempt was answered. A caller's abort rejects as it does with `fetch`. The answer's body is
 * not covered: when it breaks off, ask again with the same key.
 */
export function idempotentFetch(options: IdempotentFetchOptions = {}): IdempotentFetch {
  const settings = fetchSettings(options, newKey);
  return async function keyedFetch(input, init = {}) {
    const outgoing = await outgoingOf(settings, input, init);
    if (outgoing === undefined) return delivered(await settings.fetch(input, init), null);
    return deliver(settings, outgoing);
  };
}

async function deliver(settings: FetchSettings, outgoing: Outgoing): Promise<DeliveredResponse> {
  const { clock, maxAttempts, attemptTimeoutMs } = settings;
  const endsMs = clock.monotonicMs() + settings.deadlineMs;
  for (let attempt = 1; ; attempt += 1) {
    const leftMs = endsMs - clock.monotonicMs();
    const ended = await attemptOnce(settings, outgoing, attempt, Math.max(1, Math.min(attemptTimeoutMs, leftMs)));
    if (ended.kind === 'answer' && !(await another(ended.response))) return settled(outgoing, ended, attempt);
    const waitMs = backoffMs(settings, attempt, askedFor(settings, ended));
    const late = clock.monotonicMs() + waitMs >= endsMs;
    if (attempt >= maxAttempts || late) return settled(outgoing, ended, attempt);
    if (ended.kind === 'answer') await ended.response.body?.cancel();
    await pause(clock, waitMs, outgoing.signal);
  }
}

function another(response: Response): Promise<boolean> {
  return mayRetry(
    response.status,
    (name) => response.headers.get(name),
    () => response.clone().text(),
  );
}

function askedFor({ clock }: FetchSettings, ended: Ended): number | null {
  if (ended.kind !== 'answer') return null;
  return retryAfterMs(ended.response.headers.get('retry-after'), clock.nowMs());
}

function settled({ key }: Outgoing, ended: Ended, attempts: number): DeliveredResponse {
  if (ended.kind === 'failure') {
    const what = ended.code === 'timed_out' ? 'was not answered in time' : 'could not reach the server';
    const message = `the request ${what} (${attempts} attempts); what the server did is unknown: repeat with the same key`;
    throw new ClientError(ended.code, message, { key, attempts }, { cause: ended.cause });
  }
  const { headers } = ended.response;
  const echo = headers.get(keyHeaderName);
  if (echo !== null && readKeyValue(echo) !== key) {
    const echoed = readKeyValue(echo);
    throw new ClientError('wrong_echo', `the answer is for the key ${echoed}`, { key, attempts, echoed });
  }
  const retention = Number(headers.get(retentionHeaderName) ?? Number.NaN) * 1000;
  return delivered(ended.response, {
    key,
    attempts,
    replayed: isReplayed((name) => headers.get(name)),
    echoed: echo !== null,
    retentionMs: Number.isFinite(retention) ? retention : null,
  });
}

function delivered(response: Response, idempotency: Delivery | null): DeliveredResponse {
  return Object.defineProperty(response, 'idempotency', { value: idempotency }) as DeliveredResponse;
}
