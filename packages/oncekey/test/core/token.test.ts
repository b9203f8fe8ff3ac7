/** Proofs of ownership: each is another one, and every store can keep it as the seam says. */
import { expect, test } from 'vitest';
import { freshToken } from '../../src/core/token.ts';

test('tokens are 16 characters of base64url, and none comes twice', () => {
  const tokens = Array.from({ length: 10_000 }, freshToken);
  expect(new Set(tokens).size).toBe(tokens.length);
  expect(tokens.filter((token) => !/^[\w-]{16}$/.test(token))).toEqual([]);
});
