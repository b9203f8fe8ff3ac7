/** Holds the SQLite store to the contract, on a file of its own and on a handle of the user's. */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type SqliteHandle, sqlite } from '../../src/stores/sqlite.ts';
import { storeContract } from '../../src/testing/store-contract.ts';
import { virtualClock } from '../../src/testing/virtual-clock.ts';
import { TestDatabase } from '../../../../tools/servers/sqlite.ts';
import { testFolder } from './sqlite/folder.ts';

const newPath = testFolder();

function newHandle(): SqliteHandle {
  const path = newPath();
  mkdirSync(dirname(path));
  return new TestDatabase(path) as SqliteHandle;
}

describe.each([
  ['path', newPath()],
  ['handle', newHandle()],
] as const)('sqlite by %s', (_form, target) => {
  const open = async () => {
    const clock = virtualClock();
    const store = sqlite(target, { clock, synchronous: 'normal' });
    return { store, clock, close: () => store.close() };
  };
  it.each(storeContract(open))('$id: $name', async (contractCase) => {
    expect(await contractCase.run()).toEqual({ kind: 'passed' });
  });
});
