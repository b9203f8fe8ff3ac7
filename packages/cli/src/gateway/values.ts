/**
 * Text to value, one function a kind of setting. Every failure names the setting as the
 * user wrote it, says what was given and what is wanted, in one line. No setting is
 * looked up here and nothing is defaulted.
 */
import { Refusal } from '../refusal.ts';

/** Where to listen; port 0 lets the machine choose. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

const fieldName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** A whole number from `least` to `most`. */
export function wholeNumber(
  setting: string,
  text: string,
  least: number,
  most: number = Number.MAX_SAFE_INTEGER,
): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  const range = most === Number.MAX_SAFE_INTEGER ? `from ${least}` : `from ${least} to ${most}`;
  throw refuse(setting, text, `a whole number ${range}`);
}

/** One of a few words. */
export function oneOf<T extends string>(setting: string, text: string, words: readonly T[]): T {
  const word = words.find((each) => each === text);
  if (word === undefined) throw refuse(setting, text, `one of ${words.join(', ')}`);
  return word;
}

/** `true` or `false`, also `1` and `0`. */
export function yesOrNo(setting: string, text: string): boolean {
  if (text === 'true' || text === '1') return true;
  if (text === 'false' || text === '0') return false;
  throw refuse(setting, text, 'true or false');
}

/** A comma-separated list without blank entries. */
export function list(setting: string, text: string): string[] {
  const entries = text.split(',').map((entry) => entry.trim());
  if (entries.includes('')) throw refuse(setting, text, 'a comma-separated list without blank entries');
  return entries;
}

/** A name of 1 to 255 characters, trimmed. */
export function name(setting: string, text: string): string {
  const trimmed = text.trim();
  if (trimmed === '' || trimmed.length > 255) throw refuse(setting, text, '1 to 255 characters');
  return trimmed;
}

/** The name of a header field, as it came. */
export function headerName(setting: string, text: string): string {
  if (!fieldName.test(text)) throw refuse(setting, text, 'the name of a header');
  return text;
}

/** Methods to protect, in upper case; those that are never claimed are refused. */
export function methods(setting: string, text: string): string[] {
  return list(setting, text).map((entry) => {
    const method = entry.toUpperCase();
    if (!/^[A-Z]+$/.test(method)) throw refuse(setting, entry, 'names of methods');
    if (['GET', 'HEAD', 'OPTIONS', 'TRACE', 'CONNECT'].includes(method)) {
      throw refuse(
        setting,
        entry,
        'methods that may have an effect; GET, HEAD, OPTIONS, TRACE and CONNECT always pass',
      );
    }
    return method;
  });
}

/** `HOST:PORT`, with an IPv6 host in brackets. */
export function address(setting: string, text: string): Address {
  const [, bracketed, plain, port] = /^(?:\[([0-9A-Fa-f:.%\w]+)\]|([^\s:[\]/]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || Number(port) > 65_535) throw refuse(setting, text, 'HOST:PORT, such as 127.0.0.1:8080');
  return { host, port: Number(port) };
}

/** An http or https URL that names a server and nothing more. */
export function serverUrl(setting: string, text: string): URL {
  const url = webUrl(setting, text);
  if (url.username !== '' || url.password !== '') throw refuse(setting, text, 'a URL without user and password', true);
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') {
    throw refuse(setting, text, 'a URL without path and query: those of each request go upstream unchanged');
  }
  return url;
}

/** Any http or https URL. */
export function webUrl(setting: string, text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || !/^https?:\/\//i.test(text)) {
    throw refuse(setting, text, 'an http:// or https:// URL');
  }
  return url;
}

/** Web origins, or `*` alone. */
export function origins(setting: string, text: string): string[] {
  const entries = list(setting, text);
  for (const entry of entries) {
    if (entry === '*' && entries.length === 1) continue;
    if (!URL.canParse(entry) || new URL(entry).origin !== entry) {
      throw refuse(setting, entry, 'origins such as https://shop.example, or * alone');
    }
  }
  return entries;
}

function refuse(setting: string, given: string, wanted: string, secret = false): Refusal {
  return new Refusal(`${setting}: ${secret ? 'the value given' : JSON.stringify(given)} will not do; give ${wanted}`);
}
