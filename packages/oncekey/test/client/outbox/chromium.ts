/**
 * A real Chromium for tests: the Debian package, installed when it is missing and we may.
 * Each start has a profile of its own in a temporary folder, gone at the end.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium, type Browser } from 'playwright-core';
import { rolldown } from 'rolldown';

const executablePath = '/usr/bin/chromium';
const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Starts a browser. Throws with what to do when there is none and it cannot be installed. */
export async function startChromium(): Promise<Browser> {
  if (!existsSync(executablePath)) install();
  return chromium.launch({ executablePath, args, timeout: 120_000 });
}

function install(): void {
  if (process.getuid?.() !== 0) throw new Error(`${executablePath} is missing; install Debian's package chromium`);
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  for (const step of [['update'], ['install', '-y', '--no-install-recommends', 'chromium']]) {
    const { status, stderr } = spawnSync('apt-get', step, { env: environment, encoding: 'utf8' });
    if (status !== 0) throw new Error(`apt-get ${step.join(' ')} failed: ${stderr}`);
  }
}

/** The client's source bundled for a page, under the names of its entries. */
export async function bundleClient(entryCode: string): Promise<string> {
  const source = fileURLToPath(new URL('../../../src/client/', import.meta.url));
  const bundle = await rolldown({
    input: 'entry',
    platform: 'browser',
    plugins: [
      {
        name: 'entry',
        resolveId: (id) => (id === 'entry' ? `${source}bundle-entry.ts` : null),
        load: (id) => (id.endsWith('/bundle-entry.ts') ? entryCode : null),
      },
    ],
  });
  try {
    const { output } = await bundle.generate({ format: 'esm' });
    return output[0].code;
  } finally {
    await bundle.close();
  }
}
