/**
 * RELIABILITY check 17 on every store: sealed contents that stand in another record's place, whose key is not there, was
 * replaced or was destroyed fail closed, and an erased key never runs again. What each byte counts for is tested with the
 * sealed store itself.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { createOnce, IdempotencyError, type Store } from 'oncekey';
import { keyring, sealed, type Keyring } from 'oncekey/sealed';
import { expect, test, type TestContext } from 'vitest';
import { recordId } from '../../src/core/key.ts';
import { openPlace } from '../../../../tools/faults/place.ts';
import type { Stand } from '../../../../tools/faults/stand.ts';
import { allStores, forStores } from './stands.ts';

const tagKey = randomBytes(32);
const [first, second] = [randomBytes(32), randomBytes(32)];
const operation = 'charge';
const retentionMs = 3_600_000;

async function storeOf(stand: Stand, { onTestFinished }: TestContext): Promise<Store> {
  const opened = await openPlace(stand.place);
  onTestFinished(() => opened.close());
  return opened.store;
}

/** The same work over the same records, as somebody with `ring` sees them, and how often it ran. */
function chargesWith(store: Store, ring: Keyring, tenant: string) {
  const once = createOnce({ store: sealed(store, ring), retentionMs });
  let runs = 0;
  const ask = (key: string) => ({ scope: [tenant], operation, key });
  const charge = async (key: string): Promise<string> => {
    try {
      return (await once.run(ask(key), () => `secret-${++runs}`)).status;
    } catch (error) {
      return IdempotencyError.is(error) ? error.code : String(error);
    }
  };
  return { once, ask, charge, runs: () => runs };
}

const ringOf = (keys: Readonly<Record<string, Uint8Array>>, current: string): Keyring =>
  keyring({ keys, current, tagKey });
const keyless: Keyring = { tagKey, sealing: async () => undefined, opening: async () => undefined };

forStores(allStores, (name, stand) => {
  test(`${name}: the outcome of another record is not believed`, async (context) => {
    const store = await storeOf(stand(), context);
    const tenant = randomUUID();
    const { once, ask, charge, runs } = chargesWith(store, ringOf({ first }, 'first'), tenant);
    expect(await charge('one')).toBe('executed');
    const claimed = await once.claim(ask('two'));
    if (claimed.outcome !== 'granted') throw new Error(`a fresh key is ${claimed.outcome}`);
    const { outcome } = (await store.read(recordId([tenant], operation, 'one'))) ?? {};
    if (!outcome) throw new Error('what ran has no outcome');
    const id = recordId([tenant], operation, 'two');
    expect(await store.complete({ id, token: claimed.token, outcome, retentionMs })).toMatchObject({ kind: 'stored' });
    expect(await charge('two')).toBe('record_unreadable');
    expect(await charge('one')).toBe('replayed');
    expect(runs()).toBe(1);
  });

  test(`${name}: a rotation reads on, another key or none does not, and nobody runs`, async (context) => {
    const store = await storeOf(stand(), context);
    const tenant = randomUUID();
    expect(await chargesWith(store, ringOf({ first }, 'first'), tenant).charge('one')).toBe('executed');
    const rings: readonly (readonly [Keyring, string])[] = [
      [ringOf({ first, second }, 'second'), 'replayed'],
      [ringOf({ second }, 'second'), 'record_unreadable'],
      [ringOf({ first: second }, 'first'), 'record_unreadable'],
      [keyless, 'store_unusable'],
    ];
    for (const [ring, told] of rings) {
      const { charge, runs } = chargesWith(store, ring, tenant);
      // oxlint-disable-next-line no-await-in-loop -- one look after the other
      expect(await charge('one')).toBe(told);
      expect(runs()).toBe(0);
    }
  });

  test(`${name}: what was erased after its key was destroyed never runs again`, async (context) => {
    const store = await storeOf(stand(), context);
    const tenant = randomUUID();
    expect(await chargesWith(store, ringOf({ first }, 'first'), tenant).charge('one')).toBe('executed');
    const { once, ask, charge, runs } = chargesWith(store, ringOf({ second }, 'second'), tenant);
    expect(await once.erase(ask('one'))).toMatchObject({ kind: 'erased' });
    expect(await charge('one')).not.toMatch(/executed|replayed/);
    expect(runs()).toBe(0);
  });
});
