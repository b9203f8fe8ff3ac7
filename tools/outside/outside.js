/**
 * Packages that only some tests, examples and benchmarks need (BullMQ, ORMs, Nest, Next) live outside the root lock
 * file, so that `npm ci` stays short and asks for no binary that a registry may lack. Each folder beside this file is a
 * group: a package.json with its own lock file. A group is installed by `npm ci` on first use, into the temporary
 * folder of this user, once for each content of its folder and each major version of Node; whoever comes second waits.
 *
 * To make a group: a folder with a package.json, `npm install --package-lock-only` in it, both committed.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { scheduler } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const installMs = 300_000;

/** See outside.d.ts. */
export async function outside(group) {
  const source = join(here, group);
  if (!existsSync(join(source, 'package-lock.json'))) {
    const groups = readdirSync(here).filter((name) => existsSync(join(here, name, 'package-lock.json')));
    throw new Error(`outside: no group is named ${group}; there are ${groups.join(', ')}`);
  }
  const folder = join(ownFolder(), `${group}-${contentHash(source)}`);
  if (!existsSync(folder)) await alone(`${folder}.lock`, () => install(group, source, folder));
  const { load } = await import(pathToFileURL(join(folder, 'node_modules', '.outside', 'load.mjs')).href);
  return { folder, import: load };
}

/** Nobody else may have put code where ours is expected. */
function ownFolder() {
  const { uid, username } = userInfo();
  const folder = join(tmpdir(), `oncekey-outside-${username}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const found = lstatSync(folder);
  if (!found.isDirectory() || (uid >= 0 && found.uid !== uid)) {
    throw new Error(`outside: ${folder} belongs to somebody else; remove it, or set TMPDIR`);
  }
  return folder;
}

function contentHash(source) {
  const hash = createHash('sha256').update(`node ${process.versions.node.split('.', 1)[0]} ${process.arch}`);
  for (const { name, parentPath } of filesOf(source)) hash.update(name).update(readFileSync(join(parentPath, name)));
  return hash.digest('hex').slice(0, 16);
}

function filesOf(source) {
  const entries = readdirSync(source, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && !entry.parentPath.includes('node_modules'))
    .toSorted((one, other) => (join(one.parentPath, one.name) < join(other.parentPath, other.name) ? -1 : 1));
}

/** Runs `act` while no other process of this machine does; a holder that has died is passed over. */
async function alone(lock, act) {
  const untilMs = Date.now() + 2 * installMs;
  while (!take(lock)) {
    if (!holderLives(lock)) rmSync(lock, { recursive: true, force: true });
    else if (Date.now() > untilMs) throw new Error(`outside: ${lock} is held for too long; is its process stuck?`);
    else await scheduler.wait(200);
  }
  try {
    await act();
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
}

function take(lock) {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

function holderLives(lock) {
  try {
    const holder = Number(readFileSync(lock, 'utf8'));
    // Empty for the instant between its making and its writing.
    if (holder > 0) process.kill(holder, 0);
    return true;
  } catch (error) {
    return error.code !== 'ESRCH';
  }
}

async function install(group, source, folder) {
  if (existsSync(folder)) return;
  const building = `${folder}.${process.pid}`;
  try {
    cpSync(source, building, { recursive: true, filter: (path) => !path.includes('node_modules') });
    await npmCi(group, building);
    const loader = join(building, 'node_modules', '.outside');
    mkdirSync(loader);
    writeFileSync(join(loader, 'load.mjs'), 'export const load = (name) => import(name);\n');
    // Two that passed over one dead holder may both come here: either's is as good.
    if (!existsSync(folder)) renameSync(building, folder);
  } finally {
    rmSync(building, { recursive: true, force: true });
  }
}

function npmCi(group, cwd) {
  return new Promise((resolve, reject) => {
    const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund'];
    execFile('npm', args, { cwd, timeout: installMs, shell: process.platform === 'win32' }, (error, stdout, stderr) => {
      if (error === null) resolve();
      else
        reject(
          new Error(`outside: npm ci of the group ${group} failed; is the registry reachable?\n${stdout}${stderr}`),
        );
    });
  });
}
