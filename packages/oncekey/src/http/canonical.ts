/**
 * Canonical text (RFC 8785) of JSON, for comparing inputs by value. Only I-JSON has one
 * (RFC 7493): with duplicate names, numbers that a double cannot hold, lone surrogates
 * or absurd depth there is none, and the caller compares bytes. Never throws.
 */

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
    const writer = new Writer();
    const canonical = writer.write(JSON.parse(text), 0);
    return canonical !== null && countMembers(text) === writer.members ? canonical : null;
  } catch {
    // Not UTF-8 or not JSON: there is no canonical text, which is an answer.
    return null;
  }
}

/** Canonical text of a value that a body parser made, or null when it has none. */
export function canonicalValue(value: unknown): string | null {
  return value === undefined ? '' : new Writer().write(value, 0);
}

const plainText = /^[ !#-[\]-~]*$/;

/**
 * Writes a value by RFC 8785: names in the order of their UTF-16 units, strings and numbers as ECMAScript writes them.
 * The library `canonicalize` is several times slower on the way of every request; a test holds this to its text.
 */
class Writer {
  /** Members written so far. */
  members = 0;

  write(value: unknown, depth: number): string | null {
    switch (typeof value) {
      case 'string':
        return quoted(value);
      case 'number':
        return Number.isFinite(value) ? `${value}` : null;
      case 'boolean':
        return value ? 'true' : 'false';
      case 'object':
        if (value === null) return 'null';
        if (depth === maxDepth) return null;
        if (typeof (value as { toJSON?: unknown }).toJSON === 'function') return this.#own(value as Jsonable, depth);
        return Array.isArray(value) ? this.#list(value, depth + 1) : this.#members(value as Members, depth + 1);
      case 'bigint':
      case 'function':
      case 'symbol':
      case 'undefined':
        return null;
    }
  }

  /** A value with a text of its own, such as a date. */
  #own(value: Jsonable, depth: number): string | null {
    try {
      return this.write(value.toJSON(), depth + 1);
    } catch {
      // It refuses to be written: it has no canonical text.
      return null;
    }
  }

  #list(list: readonly unknown[], depth: number): string | null {
    let text = '[';
    for (const one of list) {
      const inner = isOmitted(one) ? 'null' : this.write(one, depth);
      if (inner === null) return null;
      text += text.length === 1 ? inner : `,${inner}`;
    }
    return `${text}]`;
  }

  #members(members: Members, depth: number): string | null {
    let text = '{';
    for (const name of Object.keys(members).sort()) {
      const value = members[name];
      if (isOmitted(value)) continue;
      const key = quoted(name);
      const inner = this.write(value, depth);
      if (key === null || inner === null) return null;
      text += text.length === 1 ? `${key}:${inner}` : `,${key}:${inner}`;
      this.members++;
    }
    return `${text}}`;
  }
}

interface Jsonable {
  toJSON(): unknown;
}

type Members = Readonly<Record<string, unknown>>;

/** What JSON leaves out of an object and calls null in a list. */
function isOmitted(value: unknown): boolean {
  return value === undefined || typeof value === 'symbol';
}

function quoted(text: string): string | null {
  if (plainText.test(text)) return `"${text}"`;
  return text.isWellFormed() ? JSON.stringify(text) : null;
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
