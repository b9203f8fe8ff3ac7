/**
 * Core, memory store and the entries for fetch and Hono on every runtime that we say they run on: real
 * binaries, one bundle of the sources, the same cases.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { rolldown } from 'rolldown';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { outside } from '../../../../tools/outside/outside.js';
import type { SuiteReport } from './suite/suite.ts';

const run = promisify(execFile);
const pinned = process.platform === 'linux' && process.arch === 'x64';

const workerConfig = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (services = [(name = "suite", worker = .suite)]);
const suite :Workerd.Worker = (
  modules = [(name = "worker.mjs", esModule = embed "worker.mjs")],
  compatibilityDate = "2026-06-01",
  compatibilityFlags = ["nodejs_compat"],
);
`;

interface Runtime {
  readonly name: string;
  /** Where the binary is, below the packages installed for this test; absent for the Node that runs it. */
  readonly binary?: string;
  readonly args: readonly string[];
}

const runtimes: readonly Runtime[] = [
  { name: `Node ${process.version}`, args: ['main.mjs'] },
  { name: 'Node 22', binary: 'node22/bin/node', args: ['main.mjs'] },
  { name: 'Node 24', binary: 'node24/bin/node', args: ['main.mjs'] },
  { name: 'Bun', binary: '@oven/bun-linux-x64/bin/bun', args: ['main.mjs'] },
  { name: 'Deno', binary: '@deno/linux-x64-glibc/deno', args: ['run', '--no-config', '--allow-env', 'main.mjs'] },
  { name: 'workerd', binary: '@cloudflare/workerd-linux-64/bin/workerd', args: ['test', 'worker.capnp'] },
];

let folder: string;
let installed: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'oncekey-runtimes-'));
  for (const name of ['main', 'worker']) {
    const input = fileURLToPath(new URL(`suite/${name}.ts`, import.meta.url));
    const bundle = await rolldown({ input, platform: 'node' });
    await bundle.write({ file: join(folder, `${name}.mjs`), format: 'esm', codeSplitting: false });
  }
  await writeFile(join(folder, 'worker.capnp'), workerConfig);
  // The binaries are pinned for one platform; elsewhere the Node at hand has to do.
  if (pinned) installed = (await outside('runtimes')).folder;
}, 300_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the suite', () => {
  for (const { name, binary, args } of runtimes) {
    test.skipIf(binary !== undefined && !pinned)(`passes on ${name}`, { timeout: 60_000 }, async () => {
      const path = binary === undefined ? process.execPath : join(installed, 'node_modules', binary);
      const { stdout, stderr } = await run(path, args, { cwd: folder, timeout: 50_000 });
      const printed = stdout + stderr;
      expect(printed).toMatch(/^REPORT /m);
      const line = /^REPORT (.*)$/m.exec(printed);
      const report = JSON.parse(line?.[1] ?? '') as SuiteReport;
      expect(report.failed).toEqual([]);
      expect(report.passed).toBeGreaterThan(390);
    });
  }
});
