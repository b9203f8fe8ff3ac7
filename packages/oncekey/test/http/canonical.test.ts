/**
 * Canonical JSON: equal values have equal text, different ones never do, and what is
 * not I-JSON has none.
 */
import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalBytes, canonicalValue } from '../../src/http/canonical.ts';
import { seed } from './seed.ts';

const of = (text: string): string | null => canonicalBytes(new TextEncoder().encode(text));

/** With names that look like integers, which engines put first. */
const anyJson = fc.oneof(
  fc.jsonValue({ stringUnit: 'grapheme' }),
  fc.dictionary(fc.oneof(fc.nat(20).map(String), fc.string()), fc.jsonValue()),
);

describe('canonicalBytes', () => {
  it.each([
    ['order of names', '{"b":1,"a":2}', '{"a":2,"b":1}'],
    ['white space', ' { "a" : [ 1 , 2 ] } ', '{"a":[1,2]}'],
    ['numbers', '[1.0,1e2,-0,0.000001]', '[1,100,0,0.000001]'],
    ['escapes', '"\\u0041\\/\\n"', '"A/\\n"'],
    ['names like integers in code unit order', '{"2":1,"10":2,"a":3}', '{"10":2,"2":1,"a":3}'],
    ['the name __proto__', '{"__proto__":{"x":1},"a":1}', '{"__proto__":{"x":1},"a":1}'],
    ['colons and braces in strings', '{"a":"{\\"b\\":1:2}"}', '{"a":"{\\"b\\":1:2}"}'],
    ['the largest exact integer', '9007199254740991', '9007199254740991'],
    ['text that looks like an escape', '"\\\\ud800"', '"\\\\ud800"'],
    ['pairs of surrogates', '"\\ud83d\\ude00"', '"😀"'],
    ['a scalar', 'true', 'true'],
    ['toJSON as a name', '{"toJSON":1}', '{"toJSON":1}'],
  ])('%s', (_, text, canonical) => {
    expect(of(text)).toBe(canonical);
  });

  it.each([
    ['duplicate names', '{"a":1,"a":2}'],
    ['duplicate names deep down', '[{"x":{"a":1,"\\u0061":1}}]'],
    ['duplicate __proto__', '{"__proto__":1,"__proto__":2}'],
    ['an integer beyond 2^53', '9007199254740993'],
    ['a large integer by exponent', '1e300'],
    ['more digits than a double holds', '0.1234567890123456789'],
    ['an overflow', '1e999'],
    ['an underflow', '1e-999'],
    ['a lone surrogate', '"\\ud800"'],
    ['a lone surrogate in a name', '{"\\udc00":1}'],
    ['not JSON', '{a:1}'],
    ['empty', ''],
    ['a byte order mark', '\ufeff{}'],
    ['absurd depth', '['.repeat(300) + ']'.repeat(300)],
  ])('none for %s', (_, text) => {
    expect(of(text)).toBeNull();
  });

  it('none for broken UTF-8', () => {
    expect(canonicalBytes(Uint8Array.of(0x22, 0xff, 0x22))).toBeNull();
  });

  it('agrees with RFC 8785 for all JSON, however it is written', () => {
    const holds = fc.property(anyJson, fc.constantFrom(0, 1, '\t'), (value, space) => {
      const text = JSON.stringify(value, null, space);
      const canonical = of(text);
      // Where there is one at all (doubles beyond 2^53 have none), it is the library's.
      return canonical === null || canonical === canonicalize(JSON.parse(text));
    });
    expect(() => fc.assert(holds, { seed, numRuns: 1000 })).not.toThrow();
  });

  it('gives any bytes an answer', () => {
    const holds = fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      canonicalBytes(bytes);
    });
    expect(() => fc.assert(holds, { seed })).not.toThrow();
  });
});

describe('canonicalValue', () => {
  it('equals the text of the same value', () => {
    const holds = fc.property(anyJson, (value) => {
      const text = JSON.stringify(value);
      const canonical = of(text);
      return canonical === null || canonical === canonicalValue(JSON.parse(text));
    });
    expect(() => fc.assert(holds, { seed })).not.toThrow();
  });

  it('has none for what contains itself', () => {
    const self: unknown[] = [];
    self.push(self);
    expect(canonicalValue(self)).toBeNull();
  });

  it('takes undefined, as of a parser that found nothing', () => {
    expect(canonicalValue(undefined)).toBe('');
  });
});
