/**
 * One `oncekey gateway` as a child process: started with the flags it is given, known by
 * the address of its `listening` line, stopped or killed by its own process id only.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A running gateway. */
export interface GatewayProcess {
  /** Such as `http://127.0.0.1:4100`. */
  readonly url: string;
  readonly port: number;
  readonly processId: number;
  /** What it has written to standard error so far, at most the last 16 KiB. */
  errorText(): string;
  /** Ends it in order (SIGTERM) and, after five seconds, by force; resolves when it is gone. */
  stop(): Promise<void>;
  /** Ends it at once (SIGKILL); resolves when it is gone. */
  kill(): Promise<void>;
}

const program = fileURLToPath(new URL('../../bin/oncekey.js', import.meta.url));
const startTimeoutMs = 15_000;
const stopTimeoutMs = 5000;
const errorTextLimit = 16_384;

/**
 * Starts `oncekey gateway` with `flags` on a free loopback port. Throws, with what it wrote, when it does not come
 * up. `ends` kills it (SIGKILL) whenever it aborts, also while it is starting.
 */
export async function startGateway(flags: readonly string[], ends?: AbortSignal): Promise<GatewayProcess> {
  ends?.throwIfAborted();
  const child = spawn(process.execPath, [program, 'gateway', '--listen', '127.0.0.1:0', ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let errorText = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errorText = (errorText + text).slice(-errorTextLimit);
  });
  const kill = (): boolean => child.kill('SIGKILL');
  ends?.addEventListener('abort', kill);
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    child.kill(signal);
    const force = setTimeout(kill, stopTimeoutMs);
    await gone;
    clearTimeout(force);
    ends?.removeEventListener('abort', kill);
  };
  try {
    const url = await listeningUrl(child);
    return {
      url,
      port: Number(new URL(url).port),
      processId: child.pid ?? 0,
      errorText: () => errorText,
      stop: () => end('SIGTERM'),
      kill: () => end('SIGKILL'),
    };
  } catch (cause) {
    await end('SIGKILL');
    throw new Error(`the gateway did not start: ${errorText.trim() || (cause as Error).message}`, { cause });
  }
}

function listeningUrl(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('it said nothing for 15 s')), startTimeoutMs);
    const fail = (error: Error): void => {
      clearTimeout(timer);
      reject(error);
    };
    child.once('error', fail);
    child.once('close', (code) => fail(new Error(`it ended with code ${code}`)));
    if (child.stdout === null) return fail(new Error('it has no standard output'));
    createInterface(child.stdout).on('line', (line) => {
      const url = urlOf(line);
      if (url === null) return;
      clearTimeout(timer);
      resolve(url);
    });
  });
}

function urlOf(line: string): string | null {
  try {
    const { event, url } = JSON.parse(line) as { event?: unknown; url?: unknown };
    return event === 'listening' && typeof url === 'string' ? url : null;
  } catch {
    return null;
  }
}
