/**
 * Rounds in which a till is killed (kill -9) while it adds and sends, and every third reply is lost. Afterwards
 * every entry that was said to be kept has taken effect exactly once, none twice, in the order of its lane,
 * and each line hangs on the server's id of its own order (I16).
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { KillPlan } from '../faults/killed-worker.ts';
import { Tally } from '../faults/tally.ts';
import { type Effect, startCafe } from './cafe.ts';
import type { TillEnd, TillTask } from './till.ts';

// The compiled file, also where a test imports this one as it is: the oldest Node cannot run TypeScript.
const program = fileURLToPath(new URL('../dist/tills/till.js', import.meta.url).href.replace('/dist/dist/', '/dist/'));
const ordersARound = 6;

/** Kills tills on one file, one after the other, and lets the last one finish. */
export async function killTills({ kills, random, signal, step }: KillPlan): Promise<Tally> {
  const folder = await mkdtemp(join(tmpdir(), 'oncekey-tills-'));
  const cafe = await startCafe(folder);
  const tally = new Tally();
  const kept: string[] = [];
  const task = { path: join(folder, 'till.db'), url: cafe.url };
  let first = 0;
  try {
    for (; tally.runs < kills && signal?.aborted !== true; first += ordersARound) {
      // After so many words and a moment more: in the middle of an add, a sending or a settling.
      const when = { words: random(2 * ordersARound + 1), delayMs: random(40) };
      if ((await runTill({ ...task, first, orders: ordersARound }, kept, when)) === undefined) tally.runs += 1;
      step?.();
    }
    const end = await runTill({ ...task, first, orders: 1 }, kept);
    tally.expect(end?.open === 0 && end.stopped === 0, () => `at the end not all is done: ${JSON.stringify(end)}`);
    judge(cafe.effects, kept, tally);
    tally.count('kept', kept.length);
    tally.count('effects', cafe.effects.length);
    tally.count('replies lost', cafe.lost());
    return tally;
  } finally {
    await cafe.stop();
    await rm(folder, { recursive: true });
  }
}

/** Runs a till to its end, or kills it; answers its last word, undefined when it was killed before. */
async function runTill(
  task: TillTask,
  kept: string[],
  kill?: { readonly words: number; readonly delayMs: number },
): Promise<TillEnd | undefined> {
  const child = spawn(process.execPath, [program, JSON.stringify(task)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit') as Promise<[number | null]>;
  let words = 0;
  let end: TillEnd | undefined;
  for await (const line of createInterface(child.stdout)) {
    const said = JSON.parse(line) as string | TillEnd;
    if (typeof said !== 'string') end = said;
    else if (said !== 'ready') kept.push(said);
    if (words === kill?.words) setTimeout(() => child.kill('SIGKILL'), kill.delayMs);
    words += 1;
  }
  const [code] = await ended;
  if (code !== null && code !== 0) throw new Error(`the till ended with ${code}`);
  return end;
}

function judge(effects: readonly Effect[], kept: readonly string[], tally: Tally): void {
  const made = new Map<string, number[]>();
  const lanes = new Map<number, number[]>();
  for (const { id, path, body } of effects) {
    const { order, line, of } = JSON.parse(body) as { order?: number; line?: number; of?: number };
    const number = order ?? line ?? -1;
    const name = order === undefined ? `line-${number}` : `order-${number}`;
    made.set(name, [...(made.get(name) ?? []), id]);
    // An order stands before its line.
    lanes.set(number % 3, [...(lanes.get(number % 3) ?? []), order === undefined ? number + 0.5 : number]);
    const parent = made.get(`order-${number}`)?.[0];
    const hangs = order !== undefined || (of === parent && path === `/orders/${parent}/lines`);
    tally.expect(hangs, () => `${name} hangs on ${of} by ${path}, and its order is ${parent}`);
  }
  for (const [name, ids] of made) tally.expect(ids.length === 1, () => `${name} took effect ${ids.length} times`);
  for (const name of kept) tally.expect(made.has(name), () => `${name} was kept and is lost`);
  for (const [lane, numbers] of lanes) {
    const ordered = numbers.every((number, index) => index === 0 || number >= (numbers[index - 1] ?? 0));
    tally.expect(ordered, () => `lane ${lane} is out of order: ${numbers.join(' ')}`);
  }
}
