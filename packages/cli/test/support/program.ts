/**
 * Starts the real program for a test: `oncekey gateway` on a port of the machine's choice,
 * known by its `listening` line, ended by its own process id; or any command to its end.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../bin/oncekey.js', import.meta.url));

/** How a command ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running gateway. */
export interface GatewayProcess {
  readonly url: string;
  readonly port: number;
  readonly processId: number;
  /** Everything on stderr so far, as the JSON lines of the log. */
  log(): readonly Readonly<Record<string, unknown>>[];
  /** Resolves when a log line with this `event` is there. */
  logged(event: string): Promise<Readonly<Record<string, unknown>>>;
  signal(signal: NodeJS.Signals): void;
  readonly ended: Promise<Ended>;
  /** Ends it by force, if it still runs. */
  kill(): Promise<void>;
}

type Environment = Readonly<Record<string, string>>;

/** Runs `oncekey ARGS` to its end. */
export function runProgram(args: readonly string[], environment: Environment = {}): Promise<Ended> {
  return endOf(launch(args, environment));
}

/** Starts `oncekey gateway FLAGS` on a free port; throws with its stderr when it does not come up. */
export async function startGateway(flags: readonly string[], environment: Environment = {}): Promise<GatewayProcess> {
  const child = launch(['gateway', '--listen', '127.0.0.1:0', ...flags], environment);
  const ended = endOf(child);
  let stderr = '';
  const watchers = new Set<() => void>();
  child.stderr?.on('data', (text: string) => {
    stderr += text;
    for (const look of watchers) look();
  });
  const url = await Promise.race([listeningUrl(child), ended.then((end) => Promise.reject(new Error(end.stderr)))]);
  const log = (): Readonly<Record<string, unknown>>[] =>
    stderr
      .slice(0, stderr.lastIndexOf('\n') + 1)
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  return {
    url,
    port: Number(new URL(url).port),
    processId: child.pid ?? 0,
    log,
    logged: (event) =>
      new Promise((resolve) => {
        const look = (): void => {
          const line = log().find((each) => each['event'] === event);
          if (line === undefined) return;
          watchers.delete(look);
          resolve(line);
        };
        watchers.add(look);
        look();
      }),
    signal: (signal) => child.kill(signal),
    ended,
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

function launch(args: readonly string[], environment: Environment): ChildProcess {
  const child = spawn(process.execPath, [program, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  });
  child.stdout.setEncoding('utf8');
  child.stderr.setEncoding('utf8');
  return child;
}

async function endOf(child: ChildProcess): Promise<Ended> {
  let [stdout, stderr] = ['', ''];
  child.stdout?.on('data', (text: string) => (stdout += text));
  child.stderr?.on('data', (text: string) => (stderr += text));
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, stdout, stderr };
}

async function listeningUrl(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('no standard output');
  for await (const line of createInterface(child.stdout)) {
    const { event, url } = JSON.parse(line) as { event: string; url: string };
    if (event === 'listening') return url;
  }
  throw new Error('it said nothing of listening');
}
