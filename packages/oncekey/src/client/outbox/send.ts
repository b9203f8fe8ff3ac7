/**
 * Sends an entry once: the frozen request, its key, and credentials that exist for this
 * moment only. It follows no redirect (a captive portal redirects) and reads the answer to
 * its end within its time: an answer that broke off was not seen.
 */
import { keyHeaderName } from '../../protocol.ts';
import { writeKeyValue } from '../key.ts';
import type { Entry } from './entry.ts';
import type { Answer } from './judge.ts';
import type { Credentials, OutboxSettings } from './settings.ts';
import { bytesOf } from './storages/encrypted.ts';
import { freeze, readableText } from './template.ts';

const maxAnswerBytes = 1_048_576;

/** The headers of this moment; undefined when they could not be had in time. Who refuses them says 401. */
export async function credentialsFor(settings: OutboxSettings, entry: Entry): Promise<Credentials | undefined> {
  const { credentials, clock, attemptTimeoutMs } = settings;
  const { method } = entry.request;
  const url = entry.frozen?.url ?? readableText(entry.request.url);
  let stop = (): void => undefined;
  const late = new Promise<undefined>((resolve) => {
    stop = clock.after(attemptTimeoutMs, () => resolve(undefined));
  });
  try {
    return await Promise.race([credentials({ method, url }), late]);
  } catch {
    // Told as the event `later` with `credentials`; the function that failed knows more than we could say.
    return undefined;
  } finally {
    stop();
  }
}

/** Sends the entry; undefined when no answer was seen, whatever the network did. */
export async function sendEntry(
  settings: OutboxSettings,
  entry: Entry,
  credentials: Credentials,
): Promise<Answer | undefined> {
  const { method, url, headers: kept, body } = entry.frozen ?? freeze(entry.request, new Map());
  const timeout = new AbortController();
  const stop = settings.clock.after(settings.attemptTimeoutMs, () => timeout.abort());
  try {
    const headers = new Headers(kept.map(([name, value]): [string, string] => [name, value]));
    for (const [name, value] of Object.entries(credentials)) headers.set(name, value);
    headers.set(keyHeaderName, writeKeyValue(entry.key, new URL(url).host, settings.bareHosts));
    const bytes = body === null ? null : 'text' in body ? body.text : bytesOf(body.base64);
    const init = { method, headers, body: bytes, signal: timeout.signal, redirect: 'manual' as const };
    return await answerOf(await settings.fetch(url, init));
  } catch {
    // What the server did is unknown, and the key makes asking again safe.
    return undefined;
  } finally {
    stop();
  }
}

async function answerOf(response: Response): Promise<Answer> {
  const { status, headers } = response;
  return { status, header: (name) => headers.get(name), body: await textUpTo(response, maxAnswerBytes) };
}

async function textUpTo(response: Response, limit: number): Promise<string | null> {
  if (response.body === null) return '';
  const decoder = new TextDecoder();
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  let text = '';
  let length = 0;
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    length += next.value.length;
    if (length > limit) {
      await reader.cancel();
      return null;
    }
    text += decoder.decode(next.value, { stream: true });
  }
  return text + decoder.decode();
}
