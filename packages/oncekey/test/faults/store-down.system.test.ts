/**
 * RELIABILITY check 11: the server is out of reach at start, at claim and at completion, and comes back. Nothing runs
 * unprotected (I11); what ran is not run again; and nothing has to be restarted when the server is there again.
 */
import { afterAll, expect, test, type TestContext } from 'vitest';
import { Charges } from '../../../../tools/faults/charge.ts';
import { newEffects } from '../../../../tools/faults/effects.ts';
import { type OpenPlace, openPlace } from '../../../../tools/faults/place.ts';
import type { Stand } from '../../../../tools/faults/stand.ts';
import type { FaultProxy } from '../../../../tools/servers/fault-proxy.ts';
import { waitUntil } from '../../../../tools/servers/wait-until.ts';
import { forStores, servedStores } from './stands.ts';

const storeTimeoutMs = 400;
const effects = newEffects();
afterAll(() => effects.remove());

async function openBehindProxy(
  { proxied }: Stand,
  { onTestFinished }: TestContext,
  down = false,
): Promise<OpenPlace & { readonly proxy: FaultProxy }> {
  if (proxied === undefined) throw new Error('this store stands on no server');
  const { place, proxy } = await proxied();
  if (down) await proxy.down();
  const opened = await openPlace(place);
  onTestFinished(async () => {
    // First the proxy: a client need not wait for a server that is silent.
    await proxy.stop();
    await opened.close();
  });
  return { ...opened, proxy };
}

forStores(servedStores, (name, stand) => {
  const askFor = (word: string) => ({ key: `${word}-${name}`, effects: effects.path, leaseMs: 20_000 });

  test(`${name}, down at start: the check says so, nothing runs, and it serves when the server is there`, async (context) => {
    const { store, proxy } = await openBehindProxy(stand(), context, true);
    const charges = new Charges(store, { storeTimeoutMs });
    await expect(Promise.resolve(store.check?.())).rejects.toMatchObject({ code: 'store_unavailable' });
    const ask = askFor('start');
    expect(await charges.charge(ask)).toMatchObject({ kind: 'refused', code: 'store_unavailable' });
    expect(effects.of(ask.key)).toBe(0);
    await proxy.up();
    await waitUntil(`${ask.key} is served`, async () => 'value' in (await charges.charge(ask)), { deadlineMs: 8000 });
    expect(effects.of(ask.key)).toBe(1);
  });

  test(`${name}, down at claim: refused in time and nothing runs; then it serves again`, async (context) => {
    const { store, proxy } = await openBehindProxy(stand(), context);
    const charges = new Charges(store, { storeTimeoutMs });
    expect(await new Charges(store).charge(askFor('before'))).toMatchObject({ kind: 'executed' });
    await proxy.down();
    const ask = askFor('claim');
    const askedMs = performance.now();
    expect(await charges.charge(ask)).toMatchObject({ kind: 'refused', code: 'store_unavailable' });
    // The claim is asked twice at most, because its reply alone may have been lost.
    expect(performance.now() - askedMs).toBeLessThan(2 * storeTimeoutMs + 3000);
    expect(effects.of(ask.key)).toBe(0);
    await proxy.up();
    await waitUntil(`${ask.key} is served`, async () => 'value' in (await charges.charge(ask)), { deadlineMs: 8000 });
    expect(effects.of(ask.key)).toBe(1);
  });

  test(`${name}, down at completion: the caller is told, and the outcome is stored when the server is back`, async (context) => {
    const { store, proxy } = await openBehindProxy(stand(), context);
    const ask = askFor('completion');
    let down: Promise<void> | undefined;
    const charges = new Charges(store, { storeTimeoutMs, working: () => void (down = proxy.down()) });
    expect(await charges.charge({ ...ask, workMs: 50 })).toMatchObject({ kind: 'refused', code: 'store_unavailable' });
    await down;
    await proxy.up();
    const again = new Charges(store);
    // Stored behind the caller's back, while the lease lasts: a repeat is a replay and no second run.
    await waitUntil(`${ask.key} is stored`, async () => (await again.charge(ask)).kind === 'replayed', {
      deadlineMs: 8000,
    });
    expect(effects.of(ask.key)).toBe(1);
  });
});
