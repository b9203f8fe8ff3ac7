/**
 * Rounds in which a till is killed (kill -9) while it adds and sends, behind a front that loses every third
 * reply. Afterwards every entry that was said to be kept has taken effect exactly once, none twice, in the
 * order of its lane, and each line hangs on the server's id of its own order (I16).
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Random } from '../../../src/testing/seed.ts';
import { startSetting, type Effect } from './setting.ts';

/** What was counted. */
export interface KillTally {
  readonly kills: number;
  /** Entries that were said to be kept. */
  readonly kept: number;
  readonly effects: number;
  /** What must not be, in words; empty when all is well. */
  readonly violations: readonly string[];
}

const program = fileURLToPath(new URL('till.js', import.meta.url));
const ordersARound = 6;

/** Kills tills on one file, one after the other, and lets the last one finish. */
export async function killTills(kills: number, random: Random): Promise<KillTally> {
  const folder = mkdtempSync(join(tmpdir(), 'oncekey-kills-'));
  const setting = await startSetting('');
  setting.trouble = (index) => (index % 3 === 1 ? 'lost' : undefined);
  const kept: string[] = [];
  try {
    for (let round = 0; round < kills; round += 1) {
      // Killed after so many words, and a moment later: in the middle of an add, a sending or a settling.
      const words = random.below(2 * ordersARound + 1);
      const task = {
        path: join(folder, 'till.db'),
        url: setting.url,
        first: round * ordersARound,
        orders: ordersARound,
      };
      await runTill(task, kept, words, random.below(40));
    }
    const rest = { path: join(folder, 'till.db'), url: setting.url, first: kills * ordersARound, orders: 1 };
    const said = await runTill(rest, kept);
    const violations = violationsOf(setting.effects, kept);
    const { open, dead } = said as { open: number; dead: number };
    if (open + dead > 0) violations.push(`${open} entries are open and ${dead} stopped at the end`);
    return { kills, kept: kept.length, effects: setting.effects.length, violations };
  } finally {
    await setting.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs a till to its end, or kills it `delayMs` after it has said so many words. Answers its last word. */
async function runTill(task: object, kept: string[], killAfter = Infinity, delayMs = 0): Promise<unknown> {
  const child = spawn(process.execPath, [program, JSON.stringify(task)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit') as Promise<[number | null]>;
  let words = 0;
  let last: unknown;
  for await (const line of createInterface(child.stdout)) {
    last = JSON.parse(line) as unknown;
    if (typeof last === 'string' && last !== 'ready') kept.push(last);
    words += 1;
    if (words === killAfter + 1) setTimeout(() => child.kill('SIGKILL'), delayMs);
  }
  const [code] = await ended;
  if (code !== null && code !== 0) throw new Error(`the till ended with ${code}`);
  return last;
}

function violationsOf(effects: readonly Effect[], kept: readonly string[]): string[] {
  const violations: string[] = [];
  const ids = new Map<string, number[]>();
  const lanes = new Map<number, string[]>();
  for (const { id, path, body } of effects) {
    const { order, line, of } = JSON.parse(body) as { order?: number; line?: number; of?: number };
    const number = order ?? line ?? -1;
    const name = order === undefined ? `line-${number}` : `order-${number}`;
    ids.set(name, [...(ids.get(name) ?? []), id]);
    lanes.set(number % 3, [
      ...(lanes.get(number % 3) ?? []),
      `${String(number).padStart(6, '0')}${order === undefined ? 'b' : 'a'}`,
    ]);
    const parent = ids.get(`order-${number}`)?.[0];
    if (line !== undefined && (of !== parent || path !== `/orders/${parent}/lines`))
      violations.push(`${name} hangs on ${of} by ${path}`);
  }
  for (const [name, made] of ids) if (made.length > 1) violations.push(`${name} took effect ${made.length} times`);
  for (const name of kept) if (!ids.has(name)) violations.push(`${name} was kept and is lost`);
  for (const [lane, names] of lanes) {
    if (names.some((name, index) => index > 0 && name < (names[index - 1] ?? '')))
      violations.push(`lane ${lane} is out of order`);
  }
  return violations;
}
