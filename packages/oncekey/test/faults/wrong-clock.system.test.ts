/**
 * RELIABILITY check 7: a worker whose clock is an hour ahead or behind takes nobody's key early and holds none too
 * long: the store's clock alone judges. SQLite's clock is the machine's own, which all of its workers share.
 */
import { afterAll, expect, test, type TestContext } from 'vitest';
import { contradictions } from '../../../../tools/faults/contradictions.ts';
import { newEffects } from '../../../../tools/faults/effects.ts';
import { startWorker, type WorkerProcess } from '../../../../tools/faults/worker-process.ts';
import { forStores, servedStores } from './stands.ts';

const hourMs = 3_600_000;
const leaseMs = 600;
const effects = newEffects();
afterAll(() => effects.remove());

forStores(servedStores, (name, stand) => {
  const start = async ({ onTestFinished }: TestContext, clockShiftMs: number): Promise<WorkerProcess> => {
    const worker = await startWorker({ place: stand().place, clockShiftMs });
    onTestFinished(() => worker.kill());
    return worker;
  };

  // Longer than the lease: the heartbeat has to hold, too.
  async function own(owner: WorkerProcess, other: WorkerProcess, key: string): Promise<void> {
    const ask = { key, effects: effects.path, leaseMs };
    const working = owner.working(key);
    const owned = owner.charge({ ...ask, workMs: 1.5 * leaseMs });
    await working;
    expect(await other.charge({ ...ask, inProgress: 'reject' })).toMatchObject({ code: 'in_progress' });
    const first = await owned;
    expect(first).toMatchObject({ kind: 'executed', attempt: 1 });
    expect(contradictions(key, first, await other.charge(ask))).toEqual([]);
    expect(effects.of(key)).toBe(1);
  }

  async function die(owner: WorkerProcess, other: WorkerProcess, key: string): Promise<void> {
    const ask = { key, effects: effects.path, leaseMs };
    const working = owner.working(key);
    const lost = owner.charge({ ...ask, workMs: 60_000 }).catch(() => 'died');
    await working;
    const claimedMs = performance.now();
    await owner.kill();
    expect(await lost).toBe('died');
    expect(await other.charge(ask)).toMatchObject({ kind: 'executed', attempt: 2 });
    const waitedMs = performance.now() - claimedMs;
    expect(waitedMs).toBeGreaterThan(leaseMs / 2);
    expect(waitedMs).toBeLessThan(leaseMs + 5000);
  }

  test.for([
    ['ahead', hourMs],
    ['behind', -hourMs],
  ] as const)(
    `${name}: a worker an hour %s takes no key early, gives none up and holds none too long`,
    async ([word, shiftMs], context) => {
      const [right, wrong] = await Promise.all([start(context, 0), start(context, shiftMs)]);
      expect(Math.round((wrong.nowMs - right.nowMs) / 60_000)).toBe(shiftMs / 60_000);
      await Promise.all([own(right, wrong, `right-${name}-${word}`), own(wrong, right, `wrong-${name}-${word}`)]);
      await die(wrong, right, `dead-${name}-${word}`);
    },
  );
});
