/**
 * What the memory of fingerprints may do: spare work, forget, and nothing else.
 */
import { expect, it } from 'vitest';
import { RecentFingerprints } from '../../src/http/recent-fingerprints.ts';

it('makes a fingerprint once while it is remembered', () => {
  const recent = new RecentFingerprints();
  expect(recent.of('a', () => 'h1j:1')).toBe('h1j:1');
  expect(recent.of('a', () => 'h1j:2')).toBe('h1j:1');
  expect(recent.of('b', () => 'h1j:3')).toBe('h1j:3');
});

it('is bounded, and keeps what is asked for', () => {
  const recent = new RecentFingerprints();
  recent.of('kept', () => 'h1j:first');
  recent.of('gone', () => 'h1j:first');
  for (let other = 0; other < 5000; other += 1) {
    recent.of(`other ${other}`, () => 'h1j:other');
    if (other % 100 === 0) recent.of('kept', () => 'h1j:again');
  }
  expect(recent.of('kept', () => 'h1j:again')).toBe('h1j:first');
  expect(recent.of('gone', () => 'h1j:again')).toBe('h1j:again');
});
