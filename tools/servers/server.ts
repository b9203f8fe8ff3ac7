/**
 * One private server process: started by a plan, ready within a deadline, killed, paused and
 * started again by its process id, gone with the process that started it and with its folder.
 * What a server needs to be told on its command line is in the file of that server.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, openSync, closeSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { removeFolder } from './folder.ts';
import { descendantsOf, isAlive, signalAll } from './process-tree.ts';
import { waitUntil } from './wait-until.ts';

/** A running server. */
export interface Server {
  readonly url: string;
  readonly port: number;
  /** Of the process that runs now; another one after a restart, 0 while none runs. */
  readonly processId: number;
  /** Kills it and its children; resolves when all of them are gone. Default SIGKILL, as a crash would. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** SIGSTOP and SIGCONT, for it and its children. */
  pause(): void;
  resume(): void;
  /** Starts it again on its port and its data; resolves when it serves. It must have been killed. */
  start(): Promise<void>;
  /** `kill()` and `start()`. */
  restart(signal?: NodeJS.Signals): Promise<void>;
  /** Ends it and removes its folder; further calls do nothing. */
  stop(): Promise<void>;
}

/** How a server is started and when it counts as ready. */
export interface ServerPlan {
  readonly name: string;
  readonly url: string;
  readonly port: number;
  /** Removed at the end. */
  readonly folder: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Runs as this user; we are root then. */
  readonly user?: string | undefined;
  readonly ready: (processId: number) => boolean | Promise<boolean>;
  /** Ends it cleanly and at once when its data does not matter; default SIGKILL. */
  readonly stopSignal?: NodeJS.Signals;
  /** For becoming ready; default 60,000 ms. */
  readonly deadlineMs?: number;
}

const running = new Set<() => void>();
process.on('exit', () => {
  for (const endNow of running) endNow();
});

/** Starts a server; rejects with the end of its log when it does not become ready. */
export async function startServer(plan: ServerPlan): Promise<Server> {
  let child: ChildProcess | undefined;
  const idOf = (): number => child?.pid ?? 0;
  const tree = (): number[] => (idOf() === 0 ? [] : [idOf(), ...descendantsOf(idOf())]);

  function endNow(): void {
    if (child !== undefined) signalAll(tree(), plan.stopSignal ?? 'SIGKILL');
    removeFolder(plan.folder);
  }

  async function start(): Promise<void> {
    if (child !== undefined) throw new Error(`${plan.name} runs already; kill it first`);
    child = launch(plan);
    try {
      await becomeReady(plan, child);
    } catch (error) {
      await kill();
      throw error;
    }
  }

  async function kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (child === undefined) return;
    const ended = hasEnded(child) ? Promise.resolve() : once(child, 'exit');
    const processIds = tree();
    // The first alone where it ends its children by itself: they must not be told twice, in disorder.
    signalAll(signal === 'SIGKILL' ? processIds : processIds.slice(0, 1), signal);
    await ended;
    await waitUntil(`${plan.name} ends`, () => !processIds.some(isAlive));
    child = undefined;
  }

  running.add(endNow);
  const server: Server = {
    url: plan.url,
    port: plan.port,
    get processId() {
      return idOf();
    },
    kill,
    pause: () => signalAll(tree(), 'SIGSTOP'),
    resume: () => signalAll(tree(), 'SIGCONT'),
    start,
    async restart(signal) {
      await kill(signal);
      await start();
    },
    async stop() {
      if (!running.delete(endNow)) return;
      server.resume();
      await kill(plan.stopSignal);
      removeFolder(plan.folder);
    },
  };
  try {
    await start();
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

const setpriv = '/usr/bin/setpriv';

function launch(plan: ServerPlan): ChildProcess {
  const log = openSync(logOf(plan), 'a');
  try {
    const [command = '', ...args] = [...privileges(plan), plan.command, ...plan.args];
    const environment = { ...process.env, ...plan.environment };
    const settings = { stdio: ['ignore', log, log] as ['ignore', number, number], env: environment, cwd: plan.folder };
    // A group of its own: Ctrl-C on the terminal is for the program that started it.
    const child = spawn(command, args, { ...settings, detached: true });
    // What went wrong is told by becomeReady; without a listener it would end this process.
    child.on('error', () => {});
    return child;
  } finally {
    closeSync(log);
  }
}

// The kernel signals the server when the process that started it dies, however it dies.
function privileges({ user, stopSignal = 'SIGKILL' }: ServerPlan): string[] {
  const dieWithUs = existsSync(setpriv) ? ['--pdeathsig', stopSignal] : [];
  const become = user === undefined ? [] : ['--reuid', user, '--regid', user, '--init-groups'];
  const asked = [...dieWithUs, ...become];
  return asked.length === 0 ? [] : [setpriv, ...asked, '--'];
}

async function becomeReady(plan: ServerPlan, child: ChildProcess): Promise<void> {
  const { name, deadlineMs = 60_000 } = plan;
  const check = async (): Promise<boolean> => hasEnded(child) || (await plan.ready(child.pid ?? 0));
  await waitUntil(`${name} is ready`, check, { deadlineMs }).catch((cause: unknown) => {
    throw new Error(`${name} did not become ready within ${deadlineMs} ms:\n${logEnd(plan)}`, { cause });
  });
  if (hasEnded(child)) throw new Error(`${name} ended at its start:\n${logEnd(plan)}`);
}

function hasEnded(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}

function logOf({ folder }: ServerPlan): string {
  return join(folder, 'server.log');
}

function logEnd(plan: ServerPlan): string {
  return readFileSync(logOf(plan), 'utf8').split('\n').slice(-30).join('\n');
}
