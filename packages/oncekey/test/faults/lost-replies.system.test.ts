/**
 * RELIABILITY check 8: between store and server a proxy cuts, drops and delays, at the first, second, third … message of
 * a claim and of a completion. Own token counts as granted, a lost COMMIT is resolved by asking again: one effect, and
 * whoever repeats gets its value.
 */
import { afterAll, expect, test, type TestContext } from 'vitest';
import { type ChargeAnswer, Charges, codeOf } from '../../../../tools/faults/charge.ts';
import { contradictions } from '../../../../tools/faults/contradictions.ts';
import { newEffects } from '../../../../tools/faults/effects.ts';
import { askUntilServed } from '../../../../tools/faults/load.ts';
import { openPlace } from '../../../../tools/faults/place.ts';
import type { Fault, FaultProxy } from '../../../../tools/servers/fault-proxy.ts';
import { forStores, servedStores } from './stands.ts';

// Only silence is waited for; nothing else may need that long.
const patienceOf = (kind: Fault['kind']): { leaseMs: number; storeTimeoutMs: number } =>
  kind === 'drop' ? { leaseMs: 1000, storeTimeoutMs: 600 } : { leaseMs: 30_000, storeTimeoutMs: 10_000 };
// A black hole costs a store timeout each: of that one, the first messages.
const messages = { 'cut-before': 8, 'cut-after': 8, 'cut-at': 8, delay: 8, drop: 2 };
const kinds: readonly Fault['kind'][] = ['cut-before', 'cut-after', 'cut-at', 'delay', 'drop'];
// These wait for longer than this test, or for the network, before they give up a connection that has fallen silent.
const patient: ReadonlySet<string> = new Set(['mysql', 'redis']);
const effects = newEffects();
afterAll(() => effects.remove());

/** Plans `kind` for the message after `passing` ones; tells whether it came to that. */
function planAfter(proxy: FaultProxy, kind: Fault['kind'], passing: number): () => boolean {
  let left = passing;
  const before = proxy.counters.faults[kind];
  proxy.plan({ kind, delayMs: 30, when: () => left-- <= 0 });
  return () => proxy.counters.faults[kind] > before;
}

forStores(servedStores, (name, stand) => {
  async function open(
    { onTestFinished }: TestContext,
    kind: Fault['kind'],
    working: (proxy: FaultProxy) => void = () => {},
  ): Promise<{ charges: Charges; proxy: FaultProxy }> {
    const through = await stand().proxied?.();
    if (through === undefined) throw new Error('this store stands on no server');
    const { place, proxy } = through;
    const opened = await openPlace(place);
    onTestFinished(async () => {
      // First the proxy: a client need not wait for a server that is silent.
      await proxy.stop();
      await opened.close();
    });
    const { storeTimeoutMs } = patienceOf(kind);
    const charges = new Charges(opened.store, { storeTimeoutMs, working: () => working(proxy) });
    return { charges, proxy };
  }

  /** After a cut or a delay there is one run and its replay; after silence perhaps a refusal, and then one of both. */
  async function expectOnce(charges: Charges, key: string, first: ChargeAnswer, kind: Fault['kind']): Promise<void> {
    const defined = kind === 'drop' ? [undefined, 'store_unavailable'] : [undefined];
    expect(defined, `${kind} of ${key}: ${JSON.stringify(first)}`).toContain(codeOf(first));
    const ask = { key, effects: effects.path, leaseMs: patienceOf(kind).leaseMs };
    // What stood on a silent connection may be refused until that one has been given up.
    const after = kind === 'drop' ? await askUntilServed(charges, ask, 10_000) : await charges.charge(ask);
    expect(contradictions(key, first, after)).toEqual([]);
    expect(after).toMatchObject({ value: expect.any(String) });
    // Whoever has a value has it from the first run; without one the lease was waited for.
    expect(effects.of(key)).toBe('value' in after ? after.attempt : 0);
  }

  test.for(kinds)(`${name}: %s at each message of a claim`, async (kind, context) => {
    const { charges, proxy } = await open(context, kind);
    await charges.charge({ key: `warm-claim-${name}-${kind}`, effects: effects.path });
    let met = 0;
    for (let passing = 0; passing < messages[kind]; passing++) {
      let atClaim = false;
      const happened = planAfter(proxy, kind, passing);
      const key = `claim-${name}-${kind}-${passing}`;
      const claiming = new Charges(charges.store, { ...patienceOf(kind), working: () => (atClaim = happened()) });
      const first = await claiming.charge({ key, effects: effects.path, leaseMs: patienceOf(kind).leaseMs });
      proxy.clear();
      if (kind === 'drop' && patient.has(name)) proxy.cutAll();
      await expectOnce(charges, key, first, kind);
      if (!atClaim && first.kind === 'executed') break;
      met += 1;
    }
    expect(met).toBeGreaterThan(0);
  });

  test.for(kinds)(`${name}: %s at each message of a completion`, async (kind, context) => {
    let passing = 0;
    let happened = (): boolean => false;
    const { charges, proxy } = await open(context, kind, (inUse) => (happened = planAfter(inUse, kind, passing)));
    let met = 0;
    for (; passing < messages[kind]; passing++) {
      const key = `complete-${name}-${kind}-${passing}`;
      const first = await charges.charge({ key, effects: effects.path, leaseMs: patienceOf(kind).leaseMs, workMs: 20 });
      proxy.clear();
      if (kind === 'drop' && patient.has(name)) proxy.cutAll();
      if (!happened()) break;
      met += 1;
      const quiet = new Charges(charges.store, patienceOf(kind));
      await expectOnce(quiet, key, first, kind);
    }
    expect(met).toBeGreaterThan(0);
  });
});
