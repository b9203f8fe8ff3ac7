/**
 * Tests in two projects: `unit` needs nothing but this machine's Node and ends in
 * seconds; `system` starts processes, packs tarballs and talks over sockets.
 */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    // Most of a test file's time is waiting: for servers, leases, killed processes.
    maxWorkers: 2,
    projects: [
      {
        test: {
          name: 'unit',
          include: ['packages/*/test/**/*.test.ts', 'tools/**/*.test.ts'],
          // Enough for a machine that does other things beside; a test that hangs is told all the same.
          testTimeout: 30_000,
          expect: { poll: { timeout: 10_000 } },
          exclude: ['**/*.system.test.ts', '**/node_modules/**'],
        },
      },
      {
        test: {
          name: 'system',
          globalSetup: ['tools/compile.ts'],
          include: ['packages/*/test/**/*.system.test.ts', 'test/**/*.system.test.ts', 'tools/**/*.system.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          expect: { poll: { timeout: 10_000 } },
        },
      },
    ],
  },
});
