/**
 * `oncekey demo`: opens the stage, plays, and either ends (`--once`) or stays up to be
 * tried by hand. However it ends, by its end, by Ctrl-C or by a closed pipe, its
 * processes and its temporary folder go with it.
 */
import { Command } from 'commander';
import { allHeld, jsonNarrator, type Narrator } from './narrator.ts';
import { playAll } from './program.ts';
import { openStage, type Stage } from './stage.ts';
import { terminalNarrator, type Screen } from './terminal.ts';
import { tillAuthorization } from './till.ts';

interface DemoOptions {
  readonly once?: true;
  readonly json?: true;
}

/** The command. Exit code 0: every expectation held; 1: one did not, and it is named; 130: interrupted. */
export function demoCommand(): Command {
  return new Command('demo')
    .description('watch a payments API behind the gateway survive lost replies, storms and crashes')
    .option('--once', 'end after the last act instead of staying up')
    .option('--json', 'one JSON line an act')
    .action(async (options: DemoOptions) => {
      process.exitCode = await runDemo(options);
    });
}

async function runDemo(options: DemoOptions): Promise<number> {
  const ends = new AbortController();
  const interrupt = (): void => ends.abort();
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, interrupt);
  // Whoever read along has gone (`| head`): nothing left to show.
  process.stdout.on('error', interrupt);
  const aborted = new Promise<void>((resolve) => ends.signal.addEventListener('abort', () => resolve()));
  const write = (text: string): void => {
    // Acts that were under way when the demo was interrupted have nothing true to tell any more.
    if (!ends.signal.aborted) process.stdout.write(text);
  };
  const narrator = options.json ? jsonNarrator(write) : terminalNarrator(screenOf(process.stdout, write));
  const opening = openStage(ends.signal);
  try {
    const held = await Promise.race([opening.then((stage) => play(stage, narrator, options.once === true)), aborted]);
    if (held === undefined) return 130;
    if (options.once !== true) await aborted;
    return held ? 0 : 1;
  } finally {
    ends.abort();
    await opening.then(
      (stage) => stage.close(),
      () => null,
    );
    for (const signal of signals) process.off(signal, interrupt);
  }
}

async function play(stage: Stage, narrator: Narrator, once: boolean): Promise<boolean> {
  const reports = await playAll(stage, narrator);
  if (!once) narrator.staying(stage.gateways[0].url, tillAuthorization);
  return allHeld(reports);
}

function screenOf(out: NodeJS.WriteStream, write: (text: string) => void): Screen {
  return { write, live: out.isTTY === true, columns: out.columns ?? 80 };
}
