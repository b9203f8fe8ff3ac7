/**
 * From what a caller adds to the template that is kept, and back for editing and upgrading.
 * It refuses what cannot be kept (streams, credentials) and what cannot be sent.
 */
import type { IdSource, Json } from './entry.ts';
import { base64Of, bytesOf } from './storages/encrypted.ts';
import { invalid, parseText, readableText, writeText, type Body, type Template } from './template.ts';

/** A request to add. Every text may hold placeholders made by `ref`. */
export interface NewEntry {
  /** The client's name for what this creates, for `ref`; default a fresh UUID. Adding the same again under the same id does nothing. */
  readonly id?: string;
  /** Entries of one lane are sent one after the other; default `main`. */
  readonly lane?: string;
  /** Default POST. */
  readonly method?: string;
  readonly url: string;
  readonly query?: Readonly<Record<string, string | number>>;
  /** Never credentials: those come from `options.credentials`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** A JSON body; any value that JSON.stringify takes. */
  readonly json?: unknown;
  /** Any other body. */
  readonly body?: string | Uint8Array;
  /** The key of this intent; default a fresh one. */
  readonly key?: string;
  /** Where in the answer the server's id stands; default see `options.serverId`. */
  readonly idFrom?: IdSource;
  /** Further entries that must have taken effect before. */
  readonly after?: readonly string[];
  /** Takes the place of an entry of the same lane with the same name that was not sent yet. */
  readonly coalesce?: string;
  /** Anything the application wants to keep with it. */
  readonly meta?: Json;
}

/** A request as plain text; placeholders look as `ref` writes them. */
export interface PlainRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array | null;
}

const secretHeaders: ReadonlySet<string> = new Set(['authorization', 'proxy-authorization', 'cookie']);
const ownHeaders: ReadonlySet<string> = new Set(['idempotency-key', 'content-length', 'host']);

/** What the caller adds, as plain text with an absolute URL. Throws `entry_invalid` with the field. */
export function plainRequest(entry: NewEntry, baseUrl: string | undefined): PlainRequest {
  const method = (entry.method ?? 'POST').toUpperCase();
  if (['GET', 'HEAD', 'OPTIONS', 'TRACE'].includes(method)) throw invalid('method', `${method} changes nothing`);
  if (entry.json !== undefined && entry.body !== undefined) throw invalid('body', 'give json or body, not both');
  const headers = Object.fromEntries(
    Object.entries(entry.headers ?? {}).map(([name, value]) => [checkedName(name), value]),
  );
  try {
    new Headers(headers);
  } catch (cause) {
    throw invalid('headers', String(cause));
  }
  if (entry.json !== undefined) headers['content-type'] ??= 'application/json';
  return { method, url: absolute(entry, baseUrl), headers, body: bodyOf(entry) };
}

/** The request taken apart at its placeholders, as it is kept. */
export function templateOf({ method, url, headers, body }: PlainRequest): Template {
  const json = /json/i.test(headers['content-type'] ?? '');
  const kept: Body =
    body === null
      ? null
      : typeof body === 'string'
        ? { text: parseText(body, json ? 'json' : 'text') }
        : { base64: base64Of(body) };
  const lines = Object.entries(headers).map(([name, value]) => [name, parseText(value, 'header')] as const);
  return { method, url: parseText(url, 'url'), headers: lines, body: kept };
}

/** The kept request as plain text again; `readable` writes placeholders as `{id}`, for people. */
export function plainOf({ method, url, headers, body }: Template, readable = false): PlainRequest {
  const write = readable ? readableText : writeText;
  const text = body === null ? null : 'text' in body ? write(body.text) : bytesOf(body.base64);
  const lines = headers.map(([name, value]) => [name, write(value)] as const);
  return { method, url: write(url), headers: Object.fromEntries(lines), body: text };
}

/** A short digest, to notice another request under the same id; not a proof against intent. */
export function printOf(template: Template): string {
  const text = JSON.stringify(template);
  let digest = 0;
  for (let at = 0; at < text.length; at += 1) digest = (Math.imul(digest, 31) + text.charCodeAt(at)) | 0;
  return `${text.length}/${digest}`;
}

function absolute({ url, query }: NewEntry, baseUrl: string | undefined): string {
  let parsed: URL;
  try {
    parsed = new URL(url, baseUrl);
  } catch {
    throw invalid('url', `${JSON.stringify(url)} is no URL; give an absolute one, or options.baseUrl`);
  }
  for (const [name, value] of Object.entries(query ?? {})) parsed.searchParams.append(name, String(value));
  parsed.hash = '';
  return parsed.href;
}

function bodyOf({ json, body }: NewEntry): string | Uint8Array | null {
  if (json === undefined) {
    if (body === undefined) return null;
    if (typeof body === 'string' || body instanceof Uint8Array) return body;
    throw invalid('body', 'only text and Uint8Array can be kept');
  }
  const text = JSON.stringify(json) as string | undefined;
  if (text === undefined) throw invalid('json', 'it has no JSON form');
  return text;
}

function checkedName(name: string): string {
  const lower = name.toLowerCase();
  if (secretHeaders.has(lower)) throw invalid(`headers.${lower}`, 'credentials are not kept; use options.credentials');
  if (ownHeaders.has(lower)) throw invalid(`headers.${lower}`, 'the outbox writes it');
  return lower;
}
