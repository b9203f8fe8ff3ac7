/** Which stores a run covers: selection, the printed reason, and a required one that is left out. */
import { afterEach, expect, test, vi } from 'vitest';
import { missing } from './program.ts';
import { skipReason, storesUnderTest } from './stores-under-test.ts';

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

test('covers all that can run here when nothing is asked', () => {
  vi.stubEnv('STORES', '');
  vi.stubEnv('REQUIRE_STORES', '');
  expect(storesUnderTest(['memory', 'sqlite'])).toEqual(['memory', 'sqlite']);
});

test('covers the selected ones and says why not the others', () => {
  vi.stubEnv('STORES', 'memory');
  vi.stubEnv('REQUIRE_STORES', '');
  const said = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  expect(storesUnderTest(['memory', 'sqlite'])).toEqual(['memory']);
  expect(said.mock.calls.flat()).toEqual(['sqlite is not tested: STORES=memory leaves it out\n']);
});

test.each(['all', 'memory,sqlite'])('a required store that is left out is a failure: %s', (required) => {
  vi.stubEnv('STORES', 'memory');
  vi.stubEnv('REQUIRE_STORES', required);
  expect(skipReason('memory')).toBeUndefined();
  expect(() => skipReason('sqlite')).toThrow(`sqlite must be tested (REQUIRE_STORES=${required}), but STORES=memory`);
});

test('a server that is not there and cannot be installed is named, with its package', () => {
  vi.spyOn(process, 'getuid').mockReturnValue(1000);
  expect(missing({ command: 'no-such-server', package: 'no-such-package' })).toBe(
    "no-such-server is not on this machine; install Debian's package no-such-package, or run as root to have it installed",
  );
});

test('a name that is no store is an error that tells the names', () => {
  vi.stubEnv('STORES', 'memroy');
  expect(() => skipReason('memory')).toThrow('STORES names memroy; there are memory, sqlite');
});
