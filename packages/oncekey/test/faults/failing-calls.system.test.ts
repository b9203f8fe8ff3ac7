/**
 * RELIABILITY check 9: the first, second, third … call of a store fails, before it was applied or after. Each time the
 * caller gets a defined answer, and afterwards the key is completed or claimable (I10); nothing is lost in silence.
 */
import { faulty, type Fault } from 'oncekey/testing';
import { afterAll, expect, test } from 'vitest';
import { Charges, codeOf } from '../../../../tools/faults/charge.ts';
import { contradictions } from '../../../../tools/faults/contradictions.ts';
import { newEffects } from '../../../../tools/faults/effects.ts';
import { openPlace } from '../../../../tools/faults/place.ts';
import { allStores, forStores } from './stands.ts';

const leaseMs = 300;
const effects = newEffects();
afterAll(() => effects.remove());

// What a driver throws when its connection breaks, and what a store says itself (`undefined`: faulty's own).
const errors = [
  ['a driver error', Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })],
  ['a defined error', undefined],
] as const;

forStores(allStores, (name, stand) => {
  test.each(
    (['fail', 'lose-reply'] as const).flatMap((fault) => errors.map(([word, error]) => [fault, word, error] as const)),
  )(`${name}: the n-th call ends with %s, by %s`, async (fault, word, error) => {
    const opened = await openPlace(stand().place);
    const healthy = new Charges(opened.store);
    let calls = 0;
    let attempts = 0;
    for (let call = 1; call <= calls + 1; call++) {
      const planned: Fault = { call, fault, ...(error !== undefined && { error }) };
      const store = faulty(opened.store, [planned]);
      const ask = { key: `${name}-${fault}-${word}-${call}`, effects: effects.path, leaseMs, step: true };
      const first = await new Charges(store, { storeTimeoutMs: 1000 }).charge(ask);
      // The round without a fault ends the loop: one call more than the work makes.
      calls = Math.max(calls, call <= store.calls() ? call : 0);
      attempts += 1;
      const seenMs = performance.now();
      const after = await healthy.charge(ask);
      // The lease and no more, with room for a crowded machine; killed workers are judged to the second.
      expect(performance.now() - seenMs).toBeLessThan(leaseMs + 5000);
      expect(contradictions(`call ${call}`, first, after)).toEqual([]);
      // A step whose record was lost has failed, and a failure is stored: an effect may exist.
      expect([undefined, 'store_unavailable', 'lease_lost']).toContain(codeOf(first));
      expect([undefined, 'work_failed']).toContain(codeOf(after));
      expect(effects.of(ask.key)).toBeLessThanOrEqual(2);
    }
    // Claim, step and completion at least, and the round without a fault.
    expect(attempts).toBeGreaterThanOrEqual(4);
    await opened.close();
  });
});
