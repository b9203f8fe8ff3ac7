/**
 * Rounds in which the server below a store is killed (kill -9) under load and started again (RELIABILITY
 * check 4). Every completion that was acknowledged is replayed afterwards (I5), every other key can be
 * completed, and nothing ran beside a live owner.
 */
import { scheduler } from 'node:timers/promises';
import type { Server } from '../servers/server.ts';
import { waitUntil } from '../servers/wait-until.ts';
import { type ChargeAnswer, type ChargeAsk, Charges } from './charge.ts';
import { contradictions } from './contradictions.ts';
import { type Effects, newEffects } from './effects.ts';
import type { KillPlan } from './killed-worker.ts';
import { askUntilServed, loadAround } from './load.ts';
import { openPlace, type Place } from './place.ts';
import { Tally } from './tally.ts';

const lanes = 8;
const leaseMs = 400;

/** Kills `server`, on which `place` stands, again and again. */
export async function killServer(
  place: Place,
  server: Server,
  { kills, random, signal, step }: KillPlan,
): Promise<Tally> {
  const tally = new Tally();
  const opened = await openPlace(place);
  const charges = new Charges(opened.store, { storeTimeoutMs: 500 });
  try {
    for (let round = 0; round < kills && !signal?.aborted; round++) {
      const effects = newEffects();
      const answers = await loadAround(charges, { lanes, effects: effects.path, leaseMs }, async (seen) => {
        // A server that nobody has reached yet would be killed in vain.
        await waitUntil('something is acknowledged', () => [...seen.values()].some(({ kind }) => kind === 'executed'));
        await scheduler.wait(random(60));
        await server.kill();
      });
      await server.start();
      tally.runs += 1;
      const judged = [...answers].map(([key, answer]) =>
        judge(charges, { key, effects: effects.path, leaseMs }, answer, effects, tally),
      );
      await Promise.all(judged);
      effects.remove();
      step?.();
    }
  } finally {
    await opened.close();
  }
  return tally;
}

async function judge(
  charges: Charges,
  ask: ChargeAsk,
  first: ChargeAnswer,
  effects: Effects,
  tally: Tally,
): Promise<void> {
  const { key } = ask;
  const after = await askUntilServed(charges, ask);
  tally.count(first.kind === 'executed' ? 'acknowledged' : 'unanswered');
  tally.violations.push(...contradictions(key, first, after));
  tally.expect('value' in after, () => `${key}: ${JSON.stringify(after)} (I10)`);
  const most = first.kind === 'executed' ? 1 : 2;
  tally.expect(effects.of(key) <= most, () => `${key}: took effect ${effects.of(key)} times after ${first.kind}`);
}
