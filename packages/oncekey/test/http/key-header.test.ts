/**
 * Every form of the key header that rule 1 accepts or refuses, as a table, and what
 * must hold for any text at all.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readKey, type KeyRules } from '../../src/http/key-header.ts';
import { seed } from './seed.ts';

const lenient: KeyRules = { keyFormat: 'lenient', maxKeyLength: 255, keySpaces: 'allow' };
const strict: KeyRules = { ...lenient, keyFormat: 'strict' };
const any: KeyRules = { ...lenient, keyFormat: 'any' };

describe('lenient', () => {
  it.each([
    ['bare', 'k', 'k'],
    ['quoted', '"k"', 'k'],
    ['white space around', ' \t"k" ', 'k'],
    ['a UUID', '8e03978e-40d5-43e8-bc93-6894a57f9324', '8e03978e-40d5-43e8-bc93-6894a57f9324'],
    ['case', 'AbC', 'AbC'],
    ['space inside quotes', '"a b"', 'a b'],
    ['comma and semicolon inside quotes', '"a,b;c"', 'a,b;c'],
    ['escapes', '"a\\"b\\\\c"', 'a"b\\c'],
    ['parameters', '"k";v=1;w', 'k'],
    ['longest', 'x'.repeat(255), 'x'.repeat(255)],
    ['longest quoted, escapes counted once', `"${'\\"'.repeat(255)}"`, '"'.repeat(255)],
    ['brackets bare', '[a]{b}~!', '[a]{b}~!'],
    ['undefined as a part', 'order-undefined', 'order-undefined'],
  ])('accepts %s', async (_, line, key) => {
    expect(await readKey([line], lenient)).toEqual({ kind: 'key', key });
  });

  it.each([
    ['empty', ''],
    ['blank', '   '],
    ['empty string', '""'],
    ['blank string', '"  "'],
    ['lone quote', '"'],
    ['unbalanced quote', '"k'],
    ['quote at the end', 'k"'],
    ['text after the string', '"k" x'],
    ['two strings', '"a", "b"'],
    ['bad escape', '"a\\b"'],
    ['bad parameter', '"k";=1'],
    ['tab inside', 'a\tb'],
    ['tab inside quotes', '"a\tb"'],
    ['control character', 'a\u0001b'],
    ['DEL', 'a\u007fb'],
    ['non-ASCII', 'clé'],
    ['non-ASCII in quotes', '"clé"'],
    ['bare space', 'a b'],
    ['bare comma', 'a,b'],
    ['bare semicolon', 'a;b'],
    ['too long', 'x'.repeat(256)],
    ['undefined', 'undefined'],
    ['null', 'null'],
    ['NaN', 'NaN'],
    ['[object Object]', '[object Object]'],
    ['"undefined"', '"undefined"'],
    ['"null"', '"null"'],
    ['"NaN"', '"NaN"'],
    ['"[object Object]"', '"[object Object]"'],
  ])('refuses %s with a reason', async (_, line) => {
    expect(await readKey([line], lenient)).toMatchObject({ kind: 'invalid', reason: expect.stringMatching(/^.{5,}$/) });
  });

  it('refuses two lines, also of the same key', async () => {
    expect(await readKey(['k', 'k'], lenient)).toMatchObject({ kind: 'invalid', reason: 'it was sent more than once' });
  });

  it('tells no line from an empty one', async () => {
    expect(await readKey([], lenient)).toEqual({ kind: 'absent' });
  });
});

describe('strict', () => {
  it('takes a String with parameters', async () => {
    expect(await readKey(['"k";a=1'], strict)).toEqual({ kind: 'key', key: 'k' });
  });
  it.each(['k', '42', ':aGk=:', '?1', '("a")'])('refuses %s', async (line) => {
    expect((await readKey([line], strict)).kind).toBe('invalid');
  });
});

describe('any', () => {
  it.each(['"k"', 'a b', 'a,b', 'clé', 'null', 'x'.repeat(255)])('takes %s as it came', async (line) => {
    expect(await readKey([line], any)).toEqual({ kind: 'key', key: line });
  });
  it.each([[''], ['  '], ['x'.repeat(256)]])('refuses blank and long: %s', async (line) => {
    expect((await readKey([line], any)).kind).toBe('invalid');
  });
});

describe('for any text', () => {
  it('never throws, and a key is printable ASCII of 1 to 255 characters', async () => {
    const line = fc.string({ unit: 'binary', maxLength: 300 });
    const holds = fc.asyncProperty(line, async (text) => {
      const reading = await readKey([text], lenient);
      return reading.kind !== 'key' || /^[ -~]{1,255}$/.test(reading.key);
    });
    await expect(fc.assert(holds, { seed })).resolves.toBeUndefined();
  });

  it('reads back every key written as a structured-field String', async () => {
    const key = fc
      .string({ unit: 'binary-ascii', minLength: 1, maxLength: 255 })
      .filter((text) => /^[ -~]*[!-~][ -~]*$/.test(text));
    const holds = fc.asyncProperty(key, async (text) => {
      const reading = await readKey([`"${text.replace(/["\\]/g, '\\$&')}"`], strict);
      return reading.kind === 'key' && reading.key === text;
    });
    await expect(fc.assert(holds, { seed })).resolves.toBeUndefined();
  });
});
