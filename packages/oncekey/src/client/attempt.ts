/**
 * One attempt: sends the request with its key, within its time, and follows redirects
 * itself, so that the key stays with its origin (a key names an intent to one server; to
 * another it is a token it should not know). It decides nothing about repeating.
 */
import { ClientError } from './errors.ts';
import { writeKeyValue } from './key.ts';
import type { FetchSettings } from './options.ts';
import type { Outgoing } from './outgoing.ts';

/** How an attempt ended: with an answer, or without one and why. */
export type Ended =
  | { readonly kind: 'answer'; readonly response: Response }
  | { readonly kind: 'failure'; readonly code: 'unreachable' | 'timed_out'; readonly cause: unknown };

const redirectStatuses: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** These repeat method and body; the others go on as GET. */
const repeatingStatuses: ReadonlySet<number> = new Set([307, 308]);
const maxRedirects = 20;

/** Sends once. Rejects with the caller's reason when the caller aborts, and with what forbids to go on. */
export async function attemptOnce(
  settings: FetchSettings,
  outgoing: Outgoing,
  attempts: number,
  timeoutMs: number,
): Promise<Ended> {
  const timeout = new AbortController();
  const stop = settings.clock.after(timeoutMs, () => timeout.abort());
  const { signal: ours } = outgoing;
  const signal = ours === null ? timeout.signal : AbortSignal.any([ours, timeout.signal]);
  try {
    return { kind: 'answer', response: await sendFollowing(settings, outgoing, attempts, signal) };
  } catch (cause) {
    if (ClientError.is(cause)) throw cause;
    if (ours?.aborted === true) throw ours.reason;
    return { kind: 'failure', code: timeout.signal.aborted ? 'timed_out' : 'unreachable', cause };
  } finally {
    stop();
  }
}

async function sendFollowing(
  settings: FetchSettings,
  outgoing: Outgoing,
  attempts: number,
  signal: AbortSignal,
): Promise<Response> {
  const guarded = (outgoing.rest.redirect ?? 'follow') === 'follow';
  let { url } = outgoing;
  for (let hop = 0; hop <= maxRedirects; hop += 1) {
    const response = await settings.fetch(url, initFor(settings, outgoing, url, signal, guarded));
    const location = response.headers.get('location');
    if (!guarded) return response;
    if (response.type === 'opaqueredirect') throw elsewhere(outgoing, attempts, 'hidden by the browser');
    if (!redirectStatuses.has(response.status) || location === null) return response;
    await response.body?.cancel();
    const next = new URL(location, url);
    if (!repeatingStatuses.has(response.status)) return settings.fetch(next, plainGet(outgoing, next, signal));
    if (next.origin !== url.origin) throw elsewhere(outgoing, attempts, next.href);
    url = next;
  }
  throw new TypeError(`more than ${maxRedirects} redirects`);
}

function initFor(
  settings: FetchSettings,
  { key, method, headers, body, rest }: Outgoing,
  url: URL,
  signal: AbortSignal,
  guarded: boolean,
): RequestInit {
  const keyed = new Headers(headers);
  keyed.set(settings.keyHeader, writeKeyValue(key, url.host, settings.bareHosts));
  return { ...rest, method, headers: keyed, body, signal, ...(guarded && { redirect: 'manual' as const }) };
}

/** "See other": the effect is there, what follows is a look at it, without key, body and, elsewhere, credentials. */
function plainGet({ headers, url, rest }: Outgoing, next: URL, signal: AbortSignal): RequestInit {
  const plain = new Headers(headers);
  for (const name of ['content-type', 'content-length', 'content-encoding', 'content-language', 'content-location']) {
    plain.delete(name);
  }
  if (next.origin !== url.origin) plain.delete('authorization');
  return { ...rest, method: 'GET', headers: plain, signal };
}

function elsewhere({ key }: Outgoing, attempts: number, location: string): ClientError {
  return new ClientError(
    'redirected_elsewhere',
    `the server redirects to a place where the key must not go (${location}); send to that place yourself, or set redirect`,
    { key, attempts, location },
  );
}
