/** How a campaign tells what it found: one JSON line a figure, or a table for people; breaches of a promise on standard error. */
import type { Tally } from '../faults/tally.ts';

/** One figure. */
export interface Figure {
  /** Of the campaign. */
  readonly name: string;
  /** Store and fault, such as `postgres, server killed`. */
  readonly metric: string;
  readonly tally: Tally;
  readonly seed: number;
  readonly elapsedMs: number;
}

const mostShown = 20;

/** Writes a figure to standard output, and its violations, the first ones, to standard error. */
export function tell({ name, metric, tally, seed, elapsedMs }: Figure, json: boolean): void {
  const { runs, violations, counted } = tally;
  const seconds = Math.round(elapsedMs / 1000);
  const facts = { name, metric, runs, violations: violations.length, counted, seed, seconds };
  const words = Object.entries(counted).map(([what, count]) => `${count} ${what}`);
  const verdict = violations.length === 0 ? '✓' : '✗';
  const line = `${verdict} ${name}: ${metric}: ${runs} runs, ${violations.length} violations; ${words.join(', ')} (${seconds} s)`;
  process.stdout.write(`${json ? JSON.stringify(facts) : line}\n`);
  for (const violation of violations.slice(0, mostShown)) process.stderr.write(`  ${violation}\n`);
  if (violations.length > mostShown) process.stderr.write(`  … ${violations.length - mostShown} more\n`);
}
