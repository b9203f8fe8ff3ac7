/**
 * Packages that only some tests need (other runtimes, mappers, frameworks of frameworks) would
 * make everybody's `npm ci` slow. Each group stands in a folder here, with a package.json
 * and a lock file of its own, and is installed by the first test that asks for it.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const installMs = 240_000;

/**
 * Installs the group `name` (a folder beside this file) once per lock file and answers its path; its packages are in
 * `node_modules` there. Several processes may ask at once: one installs, the others wait. Rejects with npm's own words.
 */
export async function installOutside(name: string): Promise<string> {
  const folder = fileURLToPath(new URL(name, import.meta.url));
  const lock = await readFile(join(folder, 'package-lock.json'));
  const wanted = createHash('sha256').update(lock).update(process.versions.modules).digest('hex');
  const marker = join(folder, 'node_modules', '.oncekey-installed');
  const installed = async (): Promise<boolean> => (await textOf(marker)) === wanted;
  if (!(await installed())) {
    await alone(join(folder, '.installing'), async () => {
      if (await installed()) return;
      process.stderr.write(`installing tools/outside/${name} …\n`);
      await run('npm', ['ci', '--no-audit', '--no-fund'], { cwd: folder, timeout: installMs });
      await writeFile(marker, wanted);
    });
  }
  return folder;
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** Runs `act` while no other process does; a lock older than any install can be was left by one that died. */
async function alone(lockFolder: string, act: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      await mkdir(lockFolder);
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      await breakIfOld(lockFolder);
      await pause(200);
    }
  }
  try {
    await act();
  } finally {
    await rm(lockFolder, { recursive: true, force: true });
  }
}

async function breakIfOld(lockFolder: string): Promise<void> {
  try {
    const { mtimeMs } = await stat(lockFolder);
    if (Date.now() - mtimeMs > installMs + 10_000) await rm(lockFolder, { recursive: true, force: true });
  } catch (error) {
    // Whoever held it has just let it go.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
