/**
 * Kills the clerk of examples/ledger again and again while he posts transfers, lets the last
 * one finish, and balances the books (I9, RELIABILITY check 3): a line for each transfer, once,
 * and balances that are the sum of the lines.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import type { KillPlan } from './killed-worker.ts';
import { Tally } from './tally.ts';

/** What the books say. */
export interface Books {
  /** How many lines a transfer has, by its number. */
  readonly lines: ReadonlyMap<number, number>;
  readonly cash: number;
  readonly sales: number;
}

/** Where the clerk works, and how his books are read. */
export interface Ledger {
  /** The root of the repository. */
  readonly root: string;
  readonly url: string;
  read(): Promise<Books>;
}

/** Transfers that a clerk posts before he is likely to be killed. */
const transfersAKill = 40;
const longestLifeMs = 250;

/** Plays it. Each clerk begins a few transfers before the last line; the last one repeats them all. */
export async function killClerks(ledger: Ledger, { kills, random, signal, step }: KillPlan): Promise<Tally> {
  const tally = new Tally();
  const transfers = Math.max(20, kills * transfersAKill);
  while (tally.runs < kills && signal?.aborted !== true) {
    const { lines } = await ledger.read();
    const child = start(ledger, transfers, Math.max(1, Math.max(0, ...lines.keys()) - 3));
    await begun(child);
    await pause(random(longestLifeMs));
    const hadEnded = child.exitCode !== null;
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    // He was done before he could be killed: all there is left is repeats, which are killed as well.
    if (hadEnded) tally.count('clerks who were done');
    tally.runs += 1;
    step?.();
  }
  const last = start(ledger, transfers, 1);
  const [code] = (await once(last, 'exit')) as [number | null];
  tally.expect(code === 0, () => `the last clerk ended with ${code}`);
  judge(tally, await ledger.read(), transfers);
  return tally;
}

function judge(tally: Tally, { lines, cash, sales }: Books, transfers: number): void {
  let total = 0;
  for (let number = 1; number <= transfers; number += 1) {
    const found = lines.get(number) ?? 0;
    total += number;
    tally.expect(found === 1, () => `transfer ${number} has ${found} lines`);
  }
  tally.count('transfers', transfers);
  tally.expect(lines.size === transfers, () => `there are lines of ${lines.size} transfers, not ${transfers}`);
  tally.expect(cash === total && sales === -total, () => `cash ${cash} and sales ${sales} are not ±${total}`);
}

/** A clerk who ends before he has said a word would be waited for without end. */
async function begun(child: ReturnType<typeof start>): Promise<void> {
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`the clerk ended with ${String(code)} before he began`);
  });
  await Promise.race([once(createInterface(child.stdout), 'line'), ended]);
  // He will be killed.
  ended.catch(() => undefined);
}

function start({ root, url }: Ledger, transfers: number, first: number) {
  return spawn(process.execPath, [join(root, 'examples/ledger/clerk.js')], {
    env: { ...process.env, DATABASE: url, TRANSFERS: String(transfers), FIRST: String(first) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}
