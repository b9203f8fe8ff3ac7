/**
 * Rounds in which a worker is killed (kill -9) in the middle of its work (RELIABILITY check 3). Afterwards
 * every answer that was seen is replayed (I5), no key is free before its lease is over, every key is completed
 * or claimable within lease + 1 s (I10), and nothing took effect more often than its attempts.
 */
import { scheduler } from 'node:timers/promises';
import { Charges, type ChargeAnswer, type ChargeAsk } from './charge.ts';
import { contradictions } from './contradictions.ts';
import { newEffects } from './effects.ts';
import { openPlace, type Place } from './place.ts';
import type { Random } from './seed.ts';
import { Tally } from './tally.ts';
import { startWorker, type WorkerProcess } from './worker-process.ts';

/** How many kills, and by which chance. */
export interface KillPlan {
  readonly kills: number;
  readonly random: Random;
  /** Ends the rounds early; what was counted stands. */
  readonly signal?: AbortSignal;
  /** Hears of each kill that has been judged. */
  readonly step?: () => void;
}

const keysAtOnce = 4;
const leaseMs = 400;
const graceMs = 1000;

/** Kills workers at `place`, one after another. */
export async function killWorkers(place: Place, { kills, random, signal, step }: KillPlan): Promise<Tally> {
  const tally = new Tally();
  const survivor = await openPlace(place);
  const charges = new Charges(survivor.store);
  const effects = newEffects();
  let next: Promise<WorkerProcess> | undefined;
  try {
    for (let round = 0; round < kills && !signal?.aborted; round++) {
      const worker = await (next ?? startWorker({ place }));
      next = undefined;
      // The next one starts while this round waits for leases.
      if (round + 1 < kills && !signal?.aborted) next = startWorker({ place });
      const run = `${process.pid}-${performance.now()}`;
      const asks = Array.from({ length: keysAtOnce }, (_, index) => ({
        key: `worker-${run}-${index}`,
        effects: effects.path,
        leaseMs,
        // The first is killed in its work for certain.
        workMs: index === 0 ? 60_000 : random(40),
      }));
      const askedMs = performance.now();
      const seen = new Map<string, ChargeAnswer>();
      const lost = asks.map(async (ask) => {
        // A killed worker answers nothing more.
        const answer = await worker.charge(ask).catch(() => undefined);
        if (answer !== undefined) seen.set(ask.key, answer);
      });
      await worker.working(asks[0]?.key ?? '');
      await scheduler.wait(random(40));
      await worker.kill();
      await Promise.all(lost);
      tally.runs += 1;
      const judged = asks.map((ask) => judge(charges, { ...ask, askedMs, seen: seen.get(ask.key) }, effects.of, tally));
      await Promise.all(judged);
      step?.();
    }
  } finally {
    await (await next)?.kill();
    effects.remove();
    await survivor.close();
  }
  return tally;
}

interface Case extends ChargeAsk {
  readonly askedMs: number;
  /** What its caller saw. */
  readonly seen: ChargeAnswer | undefined;
}

async function judge(
  charges: Charges,
  { askedMs, seen, ...ask }: Case,
  effectsOf: (key: string) => number,
  tally: Tally,
): Promise<void> {
  const { key } = ask;
  const killedMs = performance.now();
  const before = effectsOf(key);
  const early = await charges.charge({ ...ask, workMs: 0, inProgress: 'reject' });
  const earlyMs = performance.now() - askedMs;
  const after = early.kind === 'refused' ? await claimed(charges, ask, killedMs + leaseMs + graceMs) : early;
  tally.expect(
    after.kind === 'executed' || after.kind === 'replayed',
    () => `${key}: ${JSON.stringify(after)} after lease + 1 s (I10)`,
  );
  tally.count(seen === undefined ? 'unanswered' : 'answered');
  tally.violations.push(...contradictions(key, seen, after));
  if (after.kind !== 'executed') return;
  tally.count('taken over');
  const attempt = before === 0 ? after.attempt >= 1 : after.attempt === 2;
  tally.expect(attempt, () => `${key}: ran ${before} times before, and now as attempt ${after.attempt}`);
  tally.expect(effectsOf(key) === before + 1 && before <= 1, () => `${key}: took effect ${effectsOf(key)} times`);
  // A kill may take its time; what was claimed at all was claimed after it was asked for.
  const tooEarly = early.kind === 'executed' && before === 1 && earlyMs < leaseMs;
  tally.expect(!tooEarly, () => `${key}: was free ${earlyMs} ms after it was asked for`);
}

/** Asks again as soon as the store says that it may; what is asked after `deadlineMs` and still refused stays refused. */
async function claimed(charges: Charges, ask: ChargeAsk, deadlineMs: number): Promise<ChargeAnswer> {
  for (;;) {
    const askedMs = performance.now();
    const answer = await charges.charge({ ...ask, workMs: 0, inProgress: 'reject' });
    if (answer.kind !== 'refused' || askedMs > deadlineMs) return answer;
    await scheduler.wait(Math.min(answer.retryAfterMs ?? 20, 20));
  }
}
