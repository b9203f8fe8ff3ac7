/**
 * RELIABILITY check 6: an owner that stands still past its lease, stopped by SIGSTOP or busy with itself, is replaced;
 * what it says when it wakes up changes nothing, and it is told (I3).
 */
import { afterAll, expect, test } from 'vitest';
import type { ChargeAsk } from '../../../../tools/faults/charge.ts';
import { contradictions } from '../../../../tools/faults/contradictions.ts';
import { newEffects } from '../../../../tools/faults/effects.ts';
import { startWorker, type WorkerProcess } from '../../../../tools/faults/worker-process.ts';
import { forStores, sharedStores } from './stands.ts';

const leaseMs = 400;
const effects = newEffects();
afterAll(() => effects.remove());

async function takenOver(
  owner: WorkerProcess,
  other: WorkerProcess,
  key: string,
  how: Partial<ChargeAsk>,
): Promise<void> {
  const ask = { key, effects: effects.path, leaseMs };
  const working = owner.working(key);
  const late = owner.charge({ ...ask, ...how });
  await working;
  if (how.busyMs === undefined) owner.pause();
  const taken = await other.charge(ask);
  owner.resume();
  expect(taken).toMatchObject({ kind: 'executed', attempt: 2 });
  expect(await late).toMatchObject({ kind: 'refused', code: 'lease_lost' });
  expect(contradictions(key, taken, await other.charge(ask))).toEqual([]);
}

forStores(sharedStores, (name, stand) => {
  test(`${name}: what an owner says that was stopped or busy past its lease is refused`, async ({ onTestFinished }) => {
    const { place } = stand();
    const [owner, other] = await Promise.all([startWorker({ place }), startWorker({ place })]);
    onTestFinished(async () => {
      await Promise.all([owner.kill(), other.kill()]);
    });
    await takenOver(owner, other, `stopped-${name}`, { workMs: 50 });
    await takenOver(owner, other, `busy-${name}`, { busyMs: 5 * leaseMs });
    const alone = { key: `alone-${name}`, effects: effects.path, leaseMs };
    const late = await owner.charge({ ...alone, busyMs: 2 * leaseMs });
    expect(late, 'nobody replaced it').toMatchObject({ kind: 'executed', attempt: 1 });
  });
});
