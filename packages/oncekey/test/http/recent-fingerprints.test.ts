/**
 * What the memory of fingerprints may do: spare work, forget, and nothing else.
 */
import { expect, it } from 'vitest';
import { RecentFingerprints } from '../../src/http/recent-fingerprints.ts';

const said = ['POST', '/charges', 'application/json', ''];

it('makes a fingerprint once while it is remembered', () => {
  const recent = new RecentFingerprints();
  expect(recent.of('a', said, () => 'h1j:1')).toBe('h1j:1');
  expect(recent.of('a', [...said], () => 'h1j:2')).toBe('h1j:1');
  expect(recent.of('b', said, () => 'h1j:3')).toBe('h1j:3');
});

it.each([0, 1, 2, 3])('makes another one for the same bytes where something else was said (%i)', (at) => {
  const recent = new RecentFingerprints();
  recent.of('a', said, () => 'h1j:1');
  const other = said.with(at, 'other');
  expect(recent.of('a', other, () => 'h1j:2')).toBe('h1j:2');
  expect(recent.of('a', other, () => 'h1j:3')).toBe('h1j:2');
});

it('is bounded', () => {
  const recent = new RecentFingerprints();
  for (let other = 0; other < 1025; other += 1) recent.of(`${other}`, said, () => 'h1j:first');
  expect(recent.of('1024', said, () => 'h1j:again')).toBe('h1j:first');
  expect(recent.of('0', said, () => 'h1j:again')).toBe('h1j:again');
});
