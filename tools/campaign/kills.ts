/** The campaign `kills`: workers, and the servers below the stores, killed with -9 hundreds of times (RELIABILITY checks 3 and 4). */
import { killServer } from '../faults/killed-server.ts';
import { type KillPlan, killWorkers } from '../faults/killed-worker.ts';
import type { Place } from '../faults/place.ts';
import { type Stand, type StandName, startStand } from '../faults/stand.ts';
import { Tally } from '../faults/tally.ts';
import { storesUnderTest } from '../servers/stores-under-test.ts';
import { type CampaignAsk, measured } from './measured.ts';

const durable: readonly StandName[] = ['sqlite', 'postgres', 'mysql', 'redis', 'tiered'];

/** Per durable store so many killed workers and, where there is a server, so many killed servers. */
export async function kills(ask: CampaignAsk): Promise<void> {
  await killedWorkers(ask);
  await killedServers(ask);
}

/** The first half of it. */
export function killedWorkers(ask: CampaignAsk): Promise<void> {
  return forDurable(({ place }) =>
    measured('kills', `${place.store}, worker killed`, ask, (plan) => killInLanes(place, plan)),
  );
}

/** The second half of it. */
export function killedServers(ask: CampaignAsk): Promise<void> {
  return forDurable(async ({ place, server }) => {
    if (server === undefined) return;
    await measured('kills', `${place.store}, server killed`, ask, (plan) => killServer(place, server, plan));
  });
}

async function forDurable(play: (stand: Stand) => Promise<void>): Promise<void> {
  for (const name of storesUnderTest(durable)) {
    const stand = await startStand(name);
    try {
      await play(stand);
    } finally {
      await stand.stop();
    }
  }
}

// A round waits for leases most of its time.
const lanes = 3;

async function killInLanes(place: Place, { kills: all, ...plan }: KillPlan): Promise<Tally> {
  const shares = Array.from({ length: lanes }, (_, lane) => Math.floor((all + lane) / lanes));
  const tallies = await Promise.all(shares.map((share) => killWorkers(place, { ...plan, kills: share })));
  return tallies.reduce((sum, tally) => sum.add(tally), new Tally());
}
