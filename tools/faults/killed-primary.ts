/**
 * Rounds in which the primary of a replicated Redis is killed under load and its replica is promoted (RELIABILITY
 * check 5). Replication is asynchronous: Redis alone may lose what it acknowledged, and how often is measured here.
 * In front of a durable store it may lose nothing (I12).
 */
import { scheduler } from 'node:timers/promises';
import { redisCommand } from '../servers/redis.ts';
import type { Server } from '../servers/server.ts';
import { Charges } from './charge.ts';
import { contradictions } from './contradictions.ts';
import { newEffects } from './effects.ts';
import type { KillPlan } from './killed-worker.ts';
import { askUntilServed, loadAround } from './load.ts';
import { openPlace, type Place } from './place.ts';
import { Tally } from './tally.ts';

/** A replicated Redis, as these rounds use it. */
export interface Replicated {
  /** A primary of today, chosen by `choice`. */
  primary(choice: number): Promise<Server>;
  /** Resolves when somebody else has taken the place of `killed`. */
  failedOver(killed: Server): Promise<void>;
  /** The replica of `primary`; it is cut off by {@link Trial.cutOffMs}. */
  replicaOf(primary: Server): Promise<Server>;
  /** Starts `killed` as a replica; resolves when the next failover would succeed. */
  rejoin(killed: Server): Promise<void>;
}

/** What is tried, and whether it may go wrong. */
export interface Trial {
  /** What was acknowledged and is lost is counted; else it is a violation. */
  readonly mayLose: boolean;
  /** How long primary and replica are parted before the primary is killed; default 0: the replica is as far behind as it happens to be. */
  readonly cutOffMs?: number;
}

const lanes = 32;
const leaseMs = 2000;

/** Kills primaries of `pair`, on which `place` stands. */
export async function killPrimaries(
  place: Place,
  pair: Replicated,
  { mayLose, cutOffMs = 0 }: Trial,
  { kills, random, signal, step }: KillPlan,
): Promise<Tally> {
  const tally = new Tally();
  const opened = await openPlace(place);
  const charges = new Charges(opened.store, { storeTimeoutMs: 1000 });
  try {
    for (let round = 0; round < kills && !signal?.aborted; round++) {
      const effects = newEffects();
      const primary = await pair.primary(random(1000));
      const answers = await loadAround(charges, { lanes, effects: effects.path, leaseMs }, async () => {
        await scheduler.wait(200 + random(200));
        const join = cutOffMs > 0 ? await part(primary, await pair.replicaOf(primary)) : undefined;
        await scheduler.wait(cutOffMs);
        await primary.kill();
        join?.();
      });
      await pair.failedOver(primary);
      tally.runs += 1;
      const judged = [...answers].map(async ([key, first]) => {
        const after = await askUntilServed(charges, { key, effects: effects.path, leaseMs }, 30_000);
        const contradicted = contradictions(key, first, after);
        tally.count(first.kind === 'executed' ? 'acknowledged' : 'unanswered');
        if (contradicted.length > 0) tally.count('duplicates');
        if (!mayLose) tally.violations.push(...contradicted);
        tally.expect('value' in after, () => `${key}: ${JSON.stringify(after)} (I10)`);
      });
      await Promise.all(judged);
      effects.remove();
      await pair.rejoin(primary);
      step?.();
    }
  } finally {
    await opened.close();
  }
  return tally;
}

// Stopped alone, a replica would find everything in its socket when it goes on: the link is closed, and it cannot come back.
async function part(primary: Server, replica: Server): Promise<() => void> {
  replica.pause();
  await redisCommand(primary.port, ['client', 'kill', 'type', 'replica']);
  return () => replica.resume();
}
