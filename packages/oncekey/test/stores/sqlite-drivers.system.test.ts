/**
 * What tests say of SQLite they say of each driver that people have: Node's own, where it has one, and better-sqlite3. The
 * driver at hand is met by the tests themselves; here they are run once more by other Nodes.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { outside } from '../../../../tools/outside/outside.js';

const root = fileURLToPath(new URL('../../../../', import.meta.url));
const files = ['packages/oncekey/test/stores/sqlite.test.ts', 'packages/oncekey/test/atomic/sqlite.test.ts'];
const pinned = process.platform === 'linux' && process.arch === 'x64';

interface Report {
  readonly success: boolean;
  readonly numPassedTests: number;
  readonly testResults: readonly { readonly name: string; readonly message: string }[];
}

test.skipIf(!pinned).each([
  ['node:sqlite of Node 22', 'node22', undefined],
  ['node:sqlite of Node 24', 'node24', undefined],
  ['better-sqlite3', 'node24', 'better-sqlite3'],
] as const)(
  'the contract and atomic mode hold with %s',
  async (_name, node, driver) => {
    const packages = join((await outside('sqlite')).folder, 'node_modules');
    // The runner inside must not take itself for a part of this one.
    const ours = Object.entries(process.env).filter(([name]) => !name.startsWith('VITEST'));
    const environment = { ...Object.fromEntries(ours), ...(driver && { SQLITE_DRIVER: join(packages, driver) }) };
    const vitest = [join(root, 'node_modules', 'vitest', 'vitest.mjs'), 'run', '--reporter=json', ...files];
    const { stdout } = await promisify(execFile)(join(packages, node, 'bin', 'node'), vitest, {
      cwd: root,
      env: environment,
      maxBuffer: 64 * 1024 * 1024,
    });
    const { success, numPassedTests, testResults } = JSON.parse(stdout) as Report;
    expect(testResults.filter(({ message }) => message !== '')).toEqual([]);
    expect(success).toBe(true);
    expect(numPassedTests).toBeGreaterThan(700);
  },
  300_000,
);
