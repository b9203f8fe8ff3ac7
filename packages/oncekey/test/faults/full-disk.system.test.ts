/**
 * RELIABILITY check 10, the full disk: what cannot be written is refused and does not run (I11), nothing that was
 * acknowledged is forgotten (I5), and when there is room again every key is served (I10).
 */
import { scheduler } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import { Charges, codeOf, type ChargeAnswer } from '../../../../tools/faults/charge.ts';
import { contradictions } from '../../../../tools/faults/contradictions.ts';
import { newEffects } from '../../../../tools/faults/effects.ts';
import { askUntilServed } from '../../../../tools/faults/load.ts';
import { openPlace } from '../../../../tools/faults/place.ts';
import { type Stand, type StandName, startStand } from '../../../../tools/faults/stand.ts';
import { smallDiskFor } from '../support/small-disk.ts';
import { forStores, sharedStores } from './stands.ts';

/** Room for what each has before the first record, and a little more. */
const diskMegabytes: Partial<Record<StandName, number>> = {
  sqlite: 4,
  redis: 4,
  postgres: 200,
  tiered: 200,
  mysql: 400,
};
const refusals = 40;
const lanes = 16;
const patienceMs = 60_000;
const leaseMs = 1000;
const effects = newEffects();
afterAll(() => effects.remove());

/** Charges key after key until so many have been refused. */
async function chargeUntilRefused(charges: Charges, keyOf: () => string): Promise<Map<string, ChargeAnswer>> {
  const answers = new Map<string, ChargeAnswer>();
  const endMs = performance.now() + patienceMs;
  let refused = 0;
  const lane = async (): Promise<void> => {
    while (refused < refusals && performance.now() < endMs) {
      const key = keyOf();
      const answer = await charges.charge({ key, effects: effects.path, leaseMs });
      answers.set(key, answer);
      if (answer.kind !== 'executed') refused++;
      if (answer.kind !== 'executed') await scheduler.wait(5);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return answers;
}

/** Some servers end themselves when they cannot write. */
async function startAgain({ server }: Stand): Promise<void> {
  await server?.restart();
}

forStores(sharedStores, (name) => {
  test(`${name}: a full disk refuses and forgets nothing`, async (context) => {
    const { onTestFinished } = context;
    const disk = smallDiskFor(context, diskMegabytes[name] ?? 0);
    const stand = await startStand(name, disk.path);
    onTestFinished(() => stand.stop());
    const opened = await openPlace(stand.place);
    onTestFinished(() => opened.close());
    const charges = new Charges(opened.store, { storeTimeoutMs: 500 });
    let count = 0;
    const keyOf = (): string => `disk-${name}-${count++}`;

    const before = { key: keyOf(), effects: effects.path, leaseMs };
    const acknowledged = await askUntilServed(charges, before);
    expect(acknowledged).toHaveProperty('value');
    disk.fill();
    const answers = await chargeUntilRefused(charges, keyOf);
    const codes = new Set([...answers.values()].map(codeOf).filter((code) => code !== undefined));
    expect([...codes]).toEqual(['store_unavailable']);
    disk.free();
    await startAgain(stand);

    const judged = [...answers].map(async ([key, first]) => {
      const after = await askUntilServed(charges, { key, effects: effects.path, leaseMs });
      expect(contradictions(key, first, after)).toEqual([]);
      expect(after).toHaveProperty('value');
      expect(effects.of(key)).toBeLessThanOrEqual(first.kind === 'executed' ? 1 : 2);
    });
    await Promise.all(judged);
    expect(await askUntilServed(charges, before)).toEqual({ ...acknowledged, kind: 'replayed' });
  });
});
