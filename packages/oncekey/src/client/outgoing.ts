/**
 * A request made ready to be sent several times: its key fixed, its body in memory, so that
 * every attempt sends the same bytes (a multipart boundary, too, is made once). A one-shot
 * stream is read up to a cap; over it nothing is sent at all.
 */
import { ClientError } from './errors.ts';
import { readKeyValue, usableKey } from './key.ts';
import type { FetchSettings } from './options.ts';

/** The platform's init and the key of the intent. */
export interface KeyedInit extends RequestInit {
  /** The key of this intent; give the same one to repeat it after a restart. Default: the header's, else a fresh one. */
  readonly idempotencyKey?: string;
}

/** A keyed request that can be sent again. */
export interface Outgoing {
  readonly key: string;
  readonly url: URL;
  readonly method: string;
  /** Without the key header. */
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer> | null;
  /** The caller's. */
  readonly signal: AbortSignal | null;
  /** Everything else of the caller's init. */
  readonly rest: RequestInit;
}

const neverKeyed: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);
const carriedOver = [
  'cache',
  'credentials',
  'integrity',
  'keepalive',
  'mode',
  'redirect',
  'referrer',
  'referrerPolicy',
] as const;

/** The request made repeatable; undefined when it gets no key and is none of our business. */
export async function outgoingOf(
  settings: FetchSettings,
  input: string | URL | Request,
  init: KeyedInit,
): Promise<Outgoing | undefined> {
  const { idempotencyKey, ...platformInit } = init;
  const method = (init.method ?? (input instanceof Request ? input.method : 'GET')).toUpperCase();
  if (neverKeyed.has(method)) return undefined;
  const headers = new Headers(init.headers ?? (input instanceof Request ? input.headers : undefined));
  const given = idempotencyKey ?? givenIn(headers, settings.keyHeader);
  if (given === undefined && !settings.methods.includes(method)) return undefined;
  const key = usableKey(given ?? settings.newKey());
  const request = new Request(input, withDuplex(platformInit));
  const { url, body } = { url: new URL(request.url), body: await bodyOf(request, init, settings.maxBufferedBytes) };
  // The platform's own Content-Type, a multipart boundary with it, comes with the body it made.
  for (const [name, value] of request.headers) headers.set(name, value);
  headers.delete(settings.keyHeader);
  const { body: _body, headers: _headers, method: _method, signal, ...rest } = platformInit;
  const carried = input instanceof Request ? pick(input) : {};
  const ours = signal ?? (input instanceof Request ? input.signal : null);
  return { key, url, method, headers, body, signal: ours, rest: { ...carried, ...rest } };
}

/** What kind of keys the headers bring; two lines were joined by the platform and are no key. */
function givenIn(headers: Headers, name: string): string | undefined {
  const value = headers.get(name);
  return value === null ? undefined : readKeyValue(value);
}

function withDuplex(init: RequestInit): RequestInit {
  return init.body instanceof ReadableStream ? ({ ...init, duplex: 'half' } as RequestInit) : init;
}

function pick(request: Request): RequestInit {
  const source = request as unknown as Record<string, unknown>;
  const present = carriedOver.filter((name) => source[name] !== undefined && source[name] !== '');
  return Object.fromEntries(present.map((name) => [name, source[name]]));
}

async function bodyOf(request: Request, init: RequestInit, limit: number): Promise<Uint8Array<ArrayBuffer> | null> {
  if (request.body === null && init.body === undefined) return null;
  // What is in memory already needs no cap: it takes no more than the caller has spent on it.
  const oneShot = init.body === undefined || init.body instanceof ReadableStream;
  if (!oneShot || request.body === null) return new Uint8Array(await request.arrayBuffer());
  return readUpTo(request.body, limit);
}

async function readUpTo(stream: ReadableStream<Uint8Array>, limit: number): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = stream.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    length += next.value.length;
    chunks.push(next.value);
    if (length <= limit) continue;
    const error = new ClientError(
      'body_too_large',
      `the body stream has more than ${limit} bytes and cannot be sent twice; pass a Blob, or raise maxBufferedBytes`,
      { limitBytes: limit },
    );
    await reader.cancel(error);
    throw error;
  }
  return joined(chunks, length);
}

function joined(chunks: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
