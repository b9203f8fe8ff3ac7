/** A command run to its end, with its output: how servers are set up and asked about themselves. */
import { execFile } from 'node:child_process';

/** What the command may be given. */
export interface CommandOptions {
  readonly environment?: Readonly<Record<string, string>>;
  /** Default 120,000 ms; then it is killed and the call rejects. */
  readonly deadlineMs?: number;
}

/** Standard output of `command`; rejects with its standard error when it exits otherwise than with 0. */
export function runCommand(command: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { environment = {}, deadlineMs = 120_000 } = options;
  const settings = {
    timeout: deadlineMs,
    killSignal: 'SIGKILL' as const,
    maxBuffer: 16 * 1024 * 1024,
    env: { ...process.env, ...environment },
  };
  return new Promise((resolve, reject) => {
    execFile(command, [...args], settings, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${command} ${args.join(' ')}: ${stderr.trim() || error.message}`, { cause: error }));
    });
  });
}
