/** The stores of one fault test, each on a stand of its own that all cases of the file share. */
import { describe, expect, test } from 'vitest';
import { serverForFile } from '../../../../tools/servers/server-for-file.ts';
import { skipReason, storesUnderTest } from '../../../../tools/servers/stores-under-test.ts';
import { type Stand, type StandName, startStand } from '../../../../tools/faults/stand.ts';

/** Declares `cases` for each of `names` that this run covers. Cases run beside each other: nothing they use is shared but the stand. */
export function forStores(names: readonly StandName[], cases: (name: StandName, stand: () => Stand) => void): void {
  const covered = storesUnderTest(names);
  test('what is left out has a reason', () => {
    expect(names.filter((name) => skipReason(name) === undefined)).toEqual(covered);
  });
  describe.concurrent.each(covered)('%s', (name) => {
    cases(
      name,
      serverForFile(() => startStand(name)),
    );
  });
}

/** All stores. */
export const allStores: readonly StandName[] = [
  'memory',
  'json-file',
  'sqlite',
  'postgres',
  'mysql',
  'redis',
  'tiered',
];

/** Stores whose records outlive a process and are seen by several. */
export const sharedStores: readonly StandName[] = ['sqlite', 'postgres', 'mysql', 'redis', 'tiered'];

/** Stores behind a server. */
export const servedStores: readonly StandName[] = ['postgres', 'mysql', 'redis', 'tiered'];
