/**
 * Requests with placeholders: `ref('order-1')` stands for the server's id of an entry that
 * may not have been sent yet. A placeholder carries a random tag of this process, so that
 * no text of a user's can be taken for one; in the stored entry it is structure, not text.
 */
import { ClientError } from '../errors.ts';
import { hexOf, newKey } from '../key.ts';

/** What a server calls a thing. */
export type ServerId = string | number;

/** Where a placeholder stands, which decides how the id is written there. */
export type Place = 'url' | 'header' | 'json' | 'json-text' | 'text';

/** Where the server's id of the entry `ref` goes. */
export interface Placeholder {
  readonly ref: string;
  readonly in: Place;
}

/** Text with placeholders in it. */
export type Text = string | readonly (string | Placeholder)[];

/** A body: none, text, or bytes in base64. */
export type Body = null | { readonly text: Text } | { readonly base64: string };

/** A request as it was added. */
export interface Template {
  readonly method: string;
  readonly url: Text;
  readonly headers: readonly (readonly [name: string, value: Text])[];
  readonly body: Body;
}

/** A request whose placeholders are resolved: what goes out, byte for byte, at each attempt. */
export interface Frozen {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: null | { readonly text: string } | { readonly base64: string };
}

let tag = '';

// Made at first use: workers allow no random numbers while a module loads.
function mark(): string {
  tag ||= newKey().replaceAll('-', '');
  return `ref.${tag}.`;
}

/**
 * A placeholder for the server's id of the entry `id`: put it into the path, the query, a header or the body of a later
 * entry. As a whole JSON value it becomes a number where the id is one. It is text of this process: do not store it.
 */
export function ref(id: string): string {
  return `${mark()}${hexOf(new TextEncoder().encode(id))}.`;
}

/** Takes text apart at its placeholders. */
export function parseText(text: string, place: Place): Text {
  if (!text.includes(mark())) return text;
  const anywhere = `ref\\.${tag}\\.([0-9a-f]+)\\.`;
  // A whole JSON value, but not a property's name; or a placeholder anywhere.
  const wholeValue = `(?<!\\\\)"${anywhere}"(?!:)|${anywhere}`;
  const parts: (string | Placeholder)[] = [];
  let at = 0;
  for (const found of text.matchAll(new RegExp(place === 'json' ? wholeValue : anywhere, 'g'))) {
    if (found.index > at) parts.push(text.slice(at, found.index));
    const inText = place === 'json' && !found[0].startsWith('"');
    parts.push({ ref: idOf(found[1] ?? found[2] ?? ''), in: inText ? 'json-text' : place });
    at = found.index + found[0].length;
  }
  if (at < text.length) parts.push(text.slice(at));
  return parts;
}

function idOf(hex: string): string {
  return new TextDecoder().decode(Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16)));
}

/** Ids that the request refers to, and `others`, each once. */
export function refsOf({ url, headers, body }: Template, others: readonly string[] = []): string[] {
  const texts = [url, ...headers.map(([, value]) => value), body !== null && 'text' in body ? body.text : ''];
  const parts = texts.flatMap((text) => (typeof text === 'string' ? [] : text));
  return [...new Set([...parts.flatMap((part) => (typeof part === 'string' ? [] : [part.ref])), ...others])];
}

/** The request with all placeholders resolved. Throws `entry_invalid` when an id cannot stand where it has to. */
export function freeze({ method, url, headers, body }: Template, ids: ReadonlyMap<string, ServerId>): Frozen {
  return {
    method,
    url: resolve(url, ids),
    headers: headers.map(([name, value]) => [name, headerText(name, resolve(value, ids))]),
    body: body !== null && 'text' in body ? { text: resolve(body.text, ids) } : body,
  };
}

/** The text with its placeholders as `ref` writes them, so that `parseText` gives it back. */
export function writeText(text: Text): string {
  return render(text, (part) => (part.in === 'json' ? `"${ref(part.ref)}"` : ref(part.ref)));
}

/** The text with its placeholders as people read them. */
export function readableText(text: Text): string {
  return render(text, (part) => `{${part.ref}}`);
}

function resolve(text: Text, ids: ReadonlyMap<string, ServerId>): string {
  return render(text, (part) => written(part.in, ids.get(part.ref) ?? ''));
}

function render(text: Text, write: (part: Placeholder) => string): string {
  if (typeof text === 'string') return text;
  return text.map((part) => (typeof part === 'string' ? part : write(part))).join('');
}

function written(place: Place, id: ServerId): string {
  if (place === 'json') return JSON.stringify(id);
  const text = String(id);
  if (place === 'url') return encodeURIComponent(text);
  return place === 'json-text' ? JSON.stringify(text).slice(1, -1) : text;
}

function headerText(name: string, value: string): string {
  if (/^[\t -~\u0080-\u00ff]*$/.test(value)) return value;
  throw invalid(`headers.${name}`, 'the server’s id cannot stand in a header');
}

/** An entry that cannot be added, or not be sent. */
export function invalid(field: string, reason: string): ClientError<'entry_invalid'> {
  return new ClientError('entry_invalid', `${field}: ${reason}`, { field, reason });
}
