/**
 * Canonical text (RFC 8785) of JSON, for comparing inputs by value. Only I-JSON has one
 * (RFC 7493): with duplicate names, numbers that a double cannot hold, lone surrogates
 * or absurd depth there is none, and the caller compares bytes. Never throws.
 */
import canonicalize from 'canonicalize';

/** Deeper nesting has no canonical text here: the answer must not depend on how much stack is left. */
const maxDepth = 200;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const quote = 0x22;
const backslash = 0x5c;
const colon = 0x3a;

/** Canonical text of JSON in UTF-8, or null when it is not JSON or has none. */
export function canonicalBytes(bytes: Uint8Array): string | null {
  try {
    const text = utf8.decode(bytes);
    const value: unknown = JSON.parse(text);
    const members = countMembers(text);
    if (members === null || members !== countNames(value, 0)) return null;
    return write(value) ?? null;
  } catch {
    // Not UTF-8, not JSON, or a lone surrogate: there is no canonical text, which is an answer.
    return null;
  }
}

/** Canonical text of a value that a body parser made, or null when it has none. */
export function canonicalValue(value: unknown): string | null {
  try {
    if (countNames(value, 0) === null) return null;
    return write(value) ?? '';
  } catch {
    return null;
  }
}

/**
 * Names are put in order and the engine's own writer does the rest: its text of strings and numbers is that of
 * RFC 8785, at a fraction of the library's cost. What it would write otherwise is left to the library: names that
 * look like integers (engines keep them first), lone surrogates, and values with a `toJSON` of their own.
 */
function write(value: unknown): string | undefined {
  const ordered = inOrder(value);
  const text = ordered === unordered ? undefined : JSON.stringify(ordered);
  return text === undefined || text.includes('\\ud') ? canonicalize(value) : text;
}

/** Stands for a value that has to be written by the library. */
const unordered = Symbol('unordered');

function inOrder(value: unknown): unknown {
  if (typeof value !== 'object' || value === null)
    return typeof value === 'number' && !Number.isFinite(value) ? unordered : value;
  if (Array.isArray(value)) return listInOrder(value);
  if ('toJSON' in value) return unordered;
  const given = value as Record<string, unknown>;
  const ordered: Record<string, unknown> = {};
  for (const name of Object.keys(given).sort()) {
    const code = name.charCodeAt(0);
    if ((code >= 0x30 && code <= 0x39) || name === '__proto__') return unordered;
    const inner = inOrder(given[name]);
    if (inner === unordered) return unordered;
    ordered[name] = inner;
  }
  return ordered;
}

function listInOrder(list: readonly unknown[]): unknown {
  const ordered: unknown[] = [];
  for (const one of list) {
    const inner = inOrder(one);
    if (inner === unordered) return unordered;
    ordered.push(inner);
  }
  return ordered;
}

/** Members written in a JSON text, or null when one of its numbers would change by being parsed. */
function countMembers(text: string): number | null {
  let members = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === quote) at = endOfString(text, at);
    else if (code === colon) members++;
    else if (code === 0x2d || (code >= 0x30 && code <= 0x39)) {
      const end = endOfNumber(text, at);
      if (!isExact(text.slice(at, end))) return null;
      at = end - 1;
    }
  }
  return members;
}

function endOfString(text: string, start: number): number {
  let at = start + 1;
  for (let code = text.charCodeAt(at); code !== quote; code = text.charCodeAt(++at)) {
    if (code === backslash) at++;
  }
  return at;
}

function endOfNumber(text: string, start: number): number {
  let at = start + 1;
  // Digits, point, signs and exponent: all lie in `+`..`9` or are an e.
  for (let code = text.charCodeAt(at); (code >= 0x2b && code <= 0x39 && code !== 0x2c) || (code | 0x20) === 0x65;) {
    code = text.charCodeAt(++at);
  }
  return at;
}

/** Whether a double holds the number as written: two different inputs must not become one. */
function isExact(number: string): boolean {
  if (number.length <= 15 && !/e/i.test(number)) return true;
  const value = Number(number);
  const digits = number.replace(/e.*$/i, '').replace(/[-.]/g, '').replace(/^0+/, '');
  if (value === 0) return digits === '';
  return Math.abs(value) <= Number.MAX_SAFE_INTEGER && digits.length <= 17;
}

/** Names in a parsed value, or null when it is nested too deeply (or in itself). */
function countNames(value: unknown, depth: number): number | null {
  if (typeof value !== 'object' || value === null) return 0;
  if (depth === maxDepth) return null;
  const inner = Array.isArray(value) ? value : Object.values(value);
  let names = Array.isArray(value) ? 0 : inner.length;
  for (const one of inner) {
    if (typeof one !== 'object' || one === null) continue;
    const more = countNames(one, depth + 1);
    if (more === null) return null;
    names += more;
  }
  return names;
}
