/**
 * Reads the key header (rule 1): a structured-field String or a bare value, and `"k"` and
 * `k` are one key. What cannot be a key is refused with a reason that a person can act on,
 * never repaired: a key that was guessed would protect something else. Linear in the
 * length of the line; knows no status.
 */
import type { MaybePromise } from '../core/maybe.ts';

/** `absent`: no line at all. `invalid`: lines that are no key, and why. */
export type KeyReading =
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'absent' }
  | { readonly kind: 'invalid'; readonly reason: string };

/** Which values count as a key. */
export interface KeyRules {
  readonly keyFormat: 'lenient' | 'strict' | 'any';
  /** In characters, after decoding. */
  readonly maxKeyLength: number;
  /** Whether a quoted key may contain spaces. */
  readonly keySpaces: 'allow' | 'reject';
}

const absent: KeyReading = { kind: 'absent' };
const plainString = /^"[ !#-[\]-~]*"$/;
const bareValue = /^[!#-+\--:<-~]+$/;
const printableAscii = /^[ -~]*$/;
/** What a client sends when its own variable was empty. */
const clientBugs: ReadonlySet<string> = new Set(['undefined', 'null', 'NaN', '[object Object]']);

/** The key in the header's lines. */
export function readKey(lines: readonly string[], rules: KeyRules): MaybePromise<KeyReading> {
  const line = lines[0];
  if (line === undefined) return absent;
  if (lines.length > 1) return invalid('it was sent more than once');
  const value = line.trim();
  if (value === '') return invalid('it is empty');
  if (rules.keyFormat === 'any') return checkLength(line, rules);
  // Nearly all keys take this way: a string without escapes and parameters is its own text.
  if (plainString.test(value)) return checkKey(value.slice(1, -1), rules);
  return value.startsWith('"') ? parseString(value, rules) : readBare(value, rules);
}

/** The parser is loaded by the first key that needs it: most never do. */
async function parseString(value: string, rules: KeyRules): Promise<KeyReading> {
  const { parseItem } = await import('structured-headers');
  try {
    const [item] = parseItem(value);
    if (typeof item === 'string') return checkKey(item, rules);
  } catch {
    // What the parser found is less useful to a caller than the rule.
  }
  return invalid('it is not a well-formed quoted string');
}

function readBare(value: string, rules: KeyRules): KeyReading {
  if (rules.keyFormat === 'strict') return invalid('it must be a quoted string');
  if (clientBugs.has(value)) return invalid(`its value is ${value}`);
  if (bareValue.test(value)) return checkKey(value, rules);
  return invalid(
    printableAscii.test(value)
      ? 'unquoted it must not contain spaces, commas, semicolons or quotes'
      : 'it must be printable ASCII',
  );
}

function checkKey(key: string, rules: KeyRules): KeyReading {
  if (key.trim() === '') return invalid('it is blank');
  if (clientBugs.has(key)) return invalid(`its value is ${key}`);
  if (rules.keySpaces === 'reject' && key.includes(' ')) return invalid('it contains a space');
  return checkLength(key, rules);
}

function checkLength(key: string, rules: KeyRules): KeyReading {
  if (key.length > rules.maxKeyLength) return invalid(`it is longer than ${rules.maxKeyLength} characters`);
  return { kind: 'key', key };
}

function invalid(reason: string): KeyReading {
  return { kind: 'invalid', reason };
}
