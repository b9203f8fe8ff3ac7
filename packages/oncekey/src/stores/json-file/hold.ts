/**
 * One process a file. A file beside it (`PATH.lock`) names its holder; a holder that was
 * killed is recognised (its process is gone, or is another one by its start) and replaced. On
 * another machine a process cannot be looked at: there a holder counts as gone when its mark
 * has not been renewed for half a minute. Whoever was replaced finds out before he writes.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { link, readFile, rename, stat, unlink, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { systemClock } from '../../core/clock.ts';
import { fileError, unusable } from './failure.ts';

const renewEveryMs = 5000;
const goneAfterMs = 30_000;
/** A holder's file is written a moment after it is made; an empty one older than this was left by a crash. */
const writtenAfterMs = 2000;

interface Holder {
  readonly pid: number;
  readonly host: string;
  /** When the process began, by the machine; null where it does not tell. */
  readonly started: string | null;
  readonly nonce: string;
}

/** A file that this store alone may write. */
export interface Hold {
  /** Throws `store_unusable` when somebody else holds the file by now. */
  confirm(): Promise<void>;
  /** Lets others have it. */
  end(): Promise<void>;
}

/** Holds the file at `path`. Throws `store_unusable` when another one does, naming it. */
export async function holdFile(path: string): Promise<Hold> {
  const mark = `${path}.lock`;
  const own: Holder = { pid: process.pid, host: hostname(), started: startOf(process.pid), nonce: randomUUID() };
  try {
    // Each round either holds the file, finds it held, or clears what a dead holder left.
    // oxlint-disable-next-line no-await-in-loop
    for (let round = 0; !(await placed(mark, own)); round++) {
      // oxlint-disable-next-line no-await-in-loop
      const other = await holderOf(mark);
      if (round > 10 || (other !== undefined && other.alive)) throw taken(path, mark, other?.holder);
      // oxlint-disable-next-line no-await-in-loop
      if (other !== undefined) await clear(mark, other.text);
    }
  } catch (error) {
    throw fileError(error, `cannot hold ${path}`);
  }
  return holding(path, mark, own);
}

function holding(path: string, mark: string, own: Holder): Hold {
  const text = JSON.stringify(own);
  let cancel: () => void = () => {};
  const renew = (): void => {
    cancel = systemClock.after(renewEveryMs, () => {
      const now = systemClock.nowMs() / 1000;
      // A mark that cannot be renewed is found missing before the next write.
      utimes(mark, now, now).then(renew, renew);
    });
  };
  renew();
  return {
    async confirm() {
      if ((await textOf(mark)) === text) return;
      throw unusable(`${path} is held by somebody else by now: ${mark} was replaced; this process stops writing to it`);
    },
    async end() {
      cancel();
      if ((await textOf(mark)) === text) await unlink(mark);
    },
  };
}

/** Places the mark, whole or not at all; false when there is one. */
async function placed(mark: string, own: Holder): Promise<boolean> {
  const draft = `${mark}.${own.nonce}`;
  await writeFile(draft, JSON.stringify(own), { mode: 0o600 });
  try {
    await link(draft, mark);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await unlink(draft);
  }
}

/** Takes a dead holder's mark away; one that was placed meanwhile is put back. */
async function clear(mark: string, seen: string): Promise<void> {
  const aside = `${mark}.${randomUUID()}`;
  try {
    await rename(mark, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  if ((await textOf(aside)) !== seen) await link(aside, mark).catch(() => undefined);
  await unlink(aside);
}

interface Seen {
  readonly text: string;
  readonly holder: Holder | undefined;
  readonly alive: boolean;
}

async function holderOf(mark: string): Promise<Seen | undefined> {
  const text = await textOf(mark);
  if (text === undefined) return undefined;
  const holder = parse(text);
  const age = systemClock.nowMs() - ((await stat(mark).catch(() => undefined))?.mtimeMs ?? 0);
  if (holder === undefined) return { text, holder, alive: age < writtenAfterMs };
  return { text, holder, alive: holder.host === hostname() ? runs(holder) : age < goneAfterMs };
}

function parse(text: string): Holder | undefined {
  try {
    const { pid, host, started, nonce } = JSON.parse(text) as Partial<Holder>;
    if (typeof pid !== 'number' || typeof host !== 'string' || typeof nonce !== 'string') return undefined;
    return { pid, host, started: started ?? null, nonce };
  } catch {
    // Written by a process that died over it.
    return undefined;
  }
}

function runs({ pid, started }: Holder): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // Not ours to signal, but there.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  // The number may be another process's by now.
  return startOf(pid) === started;
}

/** The boot and the tick at which a process began, where there is /proc. */
function startOf(pid: number): string | null {
  try {
    const status = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    // Field 22; the second one, in brackets, may hold anything.
    return `${boot}/${status.slice(status.lastIndexOf(')') + 2).split(' ')[19]}`;
  } catch {
    return null;
  }
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function taken(path: string, mark: string, holder: Holder | undefined): Error {
  const who = holder === undefined ? 'another process' : `process ${holder.pid} on ${holder.host}`;
  const todo = `one process may use a JSON file: stop that one, use sqlite for several, or remove ${mark} if nothing uses it`;
  return unusable(`${path} is in use by ${who}; ${todo}`);
}
