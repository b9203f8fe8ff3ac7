/**
 * Record ids and digests: the framing by which nothing crosses scopes (I7), against a
 * second implementation written from the rule's own words.
 */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { digest, fingerprintsAgree, sameInput } from '../../src/core/fingerprint.ts';
import { recordId } from '../../src/core/key.ts';

const seed = Number(process.env['ONCEKEY_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

function framed(parts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const part of parts) {
    const bytes = new TextEncoder().encode(part);
    hash.update(`${bytes.length}:`).update(bytes);
  }
  return hash.digest('hex');
}

describe(`record ids (ONCEKEY_SEED=${seed})`, () => {
  const scope = fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 4 });
  const name = fc.string({ unit: 'grapheme' });

  test('are SHA-256 over the number of scope parts, the parts, operation and key, each with its length in front', () => {
    const property = fc.property(scope, fc.option(name), name, (parts, operation, key) => {
      expect(recordId(parts, operation, key)).toBe(framed([String(parts.length), ...parts, operation ?? '', key]));
    });
    fc.assert(property, { seed });
    expect(recordId(['a'], null, 'k')).toBe(recordId(['a'], '', 'k'));
  });

  test('differ when anything differs', () => {
    const one = fc.tuple(scope, name, name);
    const property = fc.property(one, one, (a, b) => {
      expect(recordId(...a) === recordId(...b)).toBe(JSON.stringify(a) === JSON.stringify(b));
    });
    fc.assert(property, { seed, numRuns: 500 });
  });

  test('tell scope parts and operation apart', () => {
    const ids = [
      recordId(['a', 'b:c'], null, 'k'),
      recordId(['a:b', 'c'], null, 'k'),
      recordId(['a', 'b'], null, 'k'),
      recordId(['a'], 'b', 'k'),
      recordId([], 'a', 'k'),
      recordId(['a'], null, 'k'),
    ];
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe('fingerprints', () => {
  test('carry their algorithm', () => {
    expect(digest('v1', ['a', new Uint8Array([98])])).toBe(`v1:${framed(['a', 'b'])}`);
  });

  test.each([
    [null, 'v1:a', true],
    ['v1:a', null, true],
    ['v1:a', 'v1:a', true],
    ['v1:a', 'v1:b', false],
    ['foreign:x', 'v1:b', true],
    ['v0:a', 'v1:a', false],
  ])('stored %s and given %s agree: %s', (stored, given, agree) => {
    expect(fingerprintsAgree(stored, given)).toBe(agree);
  });

  test('of another algorithm are computed anew, and differ where they cannot be', () => {
    const refingerprint = (algorithm: string): string | null => (algorithm === 'v0' ? 'v0:same' : null);
    expect(sameInput('v0:same', { fingerprint: 'v1:a', refingerprint })).toBe(true);
    expect(sameInput('v0:other', { fingerprint: 'v1:a', refingerprint })).toBe(false);
    expect(sameInput('v9:a', { fingerprint: 'v1:a', refingerprint })).toBe(false);
    expect(sameInput('v0:same', { fingerprint: 'v1:a' })).toBe(false);
  });
});
