/**
 * Rounds in which the server below a store is killed (kill -9) under load and started again (RELIABILITY
 * check 4). Every completion that was acknowledged is replayed afterwards (I5), every other key can be
 * completed, and nothing ran beside a live owner.
 */
import { scheduler } from 'node:timers/promises';
import type { Server } from '../servers/server.ts';
import { Charges, type ChargeAnswer } from './charge.ts';
import { contradictions } from './contradictions.ts';
import { newEffects } from './effects.ts';
import type { KillPlan } from './killed-worker.ts';
import { openPlace, type Place } from './place.ts';
import { Tally } from './tally.ts';

const lanes = 8;
const leaseMs = 400;
const patienceMs = 20_000;

/** Kills `server`, on which `place` stands, again and again. */
export async function killServer(place: Place, server: Server, { kills, random, step }: KillPlan): Promise<Tally> {
  const tally = new Tally();
  const opened = await openPlace(place);
  const charges = new Charges(opened.store, { storeTimeoutMs: 500 });
  const effects = newEffects();
  try {
    for (let round = 0; round < kills; round++) {
      const load = { over: false, answers: new Map<string, ChargeAnswer>() };
      const run = `server-${process.pid}-${performance.now()}`;
      const running = Array.from({ length: lanes }, async (_, lane) => {
        for (let count = 0; !load.over; count++) {
          const key = `${run}-${lane}-${count}`;
          const answer = await charges.charge({ key, effects: effects.path, leaseMs });
          load.answers.set(key, answer);
          if (answer.kind !== 'executed') return;
        }
      });
      await scheduler.wait(20 + random(60));
      await server.kill();
      load.over = true;
      await Promise.all(running);
      await server.start();
      tally.runs += 1;
      const judged = [...load.answers].map(([key, answer]) =>
        judge(charges, { key, effects: effects.path, leaseMs }, answer, effects.of, tally),
      );
      await Promise.all(judged);
      step?.();
    }
  } finally {
    effects.remove();
    await opened.close();
  }
  return tally;
}

type Ask = Parameters<Charges['charge']>[0];

async function judge(
  charges: Charges,
  ask: Ask,
  first: ChargeAnswer,
  effectsOf: (key: string) => number,
  tally: Tally,
): Promise<void> {
  const { key } = ask;
  const after = await answered(charges, ask);
  tally.count(first.kind === 'executed' ? 'acknowledged' : 'unanswered');
  tally.violations.push(...contradictions(key, first, after));
  tally.expect(after.kind === 'executed' || after.kind === 'replayed', () => `${key}: ${JSON.stringify(after)} (I10)`);
  const most = first.kind === 'executed' ? 1 : 2;
  tally.expect(effectsOf(key) <= most, () => `${key}: took effect ${effectsOf(key)} times after ${first.kind}`);
}

/** Asks until the server serves again and the lease of whoever was cut off is over. */
async function answered(charges: Charges, ask: Ask): Promise<ChargeAnswer> {
  const endMs = performance.now() + patienceMs;
  for (;;) {
    const answer = await charges.charge({ ...ask, inProgress: 'reject' });
    if (answer.kind !== 'refused' || performance.now() > endMs) return answer;
    await scheduler.wait(answer.retryAfterMs === null ? 20 : Math.min(answer.retryAfterMs, 50));
  }
}
