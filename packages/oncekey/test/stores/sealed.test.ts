/** The sealed store keeps the contract, shows its contents to nobody without the keys, and fails closed (RELIABILITY check 17). */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { IdempotencyError } from '../../src/core/errors.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import type { Store, StoredRecord } from '../../src/core/store.ts';
import { createOnce } from '../../src/operations/once.ts';
import { cached } from '../../src/stores/cached.ts';
import { memory, type MemoryStore } from '../../src/stores/memory.ts';
import { keyring, sealed, type Keyring } from '../../src/stores/sealed.ts';
import { sqlite } from '../../src/stores/sqlite.ts';
import { tiered, type HotStore } from '../../src/stores/tiered.ts';
import { storeContract, virtualClock, type VirtualClock } from '../../src/testing/index.ts';
import { answerOf, askFor, testFolder } from './sqlite/folder.ts';

const newPath = testFolder();
const hour = 3_600_000;
const tagKey = randomBytes(32);
const ring = keyring({ keys: { k1: randomBytes(32) }, current: 'k1', tagKey });

const exceptions = {
  'erase-labels':
    'scope and operation of a tombstone are the tags they are found by: the sealed labels go with the rest',
};

const wrapped: readonly (readonly [string, (clock: VirtualClock) => Store])[] = [
  ['memory', (clock) => sealed(memory({ clock }), ring)],
  ['sqlite', (clock) => sealed(sqlite(newPath(), { clock, synchronous: 'normal' }), ring)],
  ['tiered', (clock) => sealed(tiered(memory({ clock }), memory({ clock }), { clock }), ring)],
  [
    'each tier, in front of which is a cache',
    (clock) =>
      cached(tiered(sealed(memory({ clock }), ring) as HotStore, sealed(memory({ clock }), ring), { clock }), {
        clock,
      }),
  ],
];

describe.each(wrapped)('the contract: over %s', (_name, open) => {
  const cases = storeContract(
    async () => {
      const clock = virtualClock();
      const store = open(clock);
      return { store, clock, close: async () => store.close?.() };
    },
    { except: exceptions },
  );
  test.for(cases)('$id: $name', async ({ run, skip }) =>
    expect(await run()).toEqual(skip === undefined ? { kind: 'passed' } : { kind: 'skipped', reason: skip }),
  );
});

/** A ring with a key for each first part of a scope, which can be destroyed. */
function tenantRing() {
  const keys = new Map<string, Uint8Array>();
  const current = new Map<string, string>();
  const tenants: Keyring = {
    tagKey,
    sealing: async ([tenant = '']) => {
      const id = current.get(tenant);
      const bytes = id === undefined ? undefined : keys.get(id);
      return id === undefined || bytes === undefined ? undefined : { id, bytes };
    },
    opening: async (id) => keys.get(id),
  };
  const give = (tenant: string, id: string): void => {
    keys.set(id, randomBytes(32));
    current.set(tenant, id);
  };
  return { ring: tenants, keys, give };
}

const secret = 'a secret that nobody may find';

function opened(use: Keyring = ring) {
  const clock = virtualClock();
  const inner = memory({ clock });
  const store = sealed(inner, use) as Required<Store>;
  const complete = async (key: string, tenant = 'acme', outcome: Outcome = answerOf(secret)) => {
    const ask = askIn(tenant, key);
    expect((await store.claim(ask)).kind).toBe('granted');
    await store.complete({ id: ask.id, token: ask.token, outcome, retentionMs: hour });
    return ask;
  };
  return { clock, inner, store, complete };
}

function askIn(tenant: string, key: string, over = {}) {
  const { id, labels, ...rest } = askFor(`${tenant}/${key}`);
  const more = { scope: [tenant], operation: 'order.take', key, owner: secret, path: `/${secret}`, eventId: secret };
  return { ...rest, id, labels: { ...labels, ...more }, ...over };
}

/** What somebody who can write to the database makes of a record. */
function tamper(inner: MemoryStore, id: string, change: (record: StoredRecord) => Partial<StoredRecord>): void {
  const record = inner.read(id);
  if (record === undefined) throw new Error('there is no record to change');
  inner.put({ ...record, ...change(record), revision: record.revision + 1 });
}

/** The code that `act` is refused with; undefined when it is not. */
async function refusal(act: () => unknown): Promise<string | undefined> {
  try {
    await act();
    return undefined;
  } catch (error) {
    return IdempotencyError.is(error) ? error.code : String(error);
  }
}

function bodyIn(outcome: Outcome | null | undefined): Uint8Array {
  return outcome?.kind === 'value' ? outcome.body : new Uint8Array();
}

describe('what the wrapped store sees', () => {
  test('neither outcome, step nor label: nothing of them is in the file', async () => {
    const path = newPath();
    const store = sealed(sqlite(path), ring);
    const ask = askIn('acme', secret);
    await store.claim(ask);
    await store.saveStep(ask.id, ask.token, { name: secret, bytes: Buffer.from(secret) });
    const other = askIn('acme', `${secret} too`);
    await store.claim(other);
    const outcome = {
      kind: 'value',
      body: Buffer.from(secret),
      label: secret,
      refs: [{ kind: secret, id: secret }],
    } as const;
    await store.complete({
      id: other.id,
      token: other.token,
      outcome: { ...outcome, details: secret },
      retentionMs: null,
    });
    await store.close?.();
    const bytes = readFileSync(path);
    expect([secret, 'acme', 'order.take'].filter((part) => bytes.includes(part))).toEqual([]);
  });

  test('the same text sealed twice is not the same bytes', async () => {
    const { inner, complete } = opened();
    const [one, two] = [await complete('a'), await complete('b')];
    expect(bodyIn(inner.read(one.id)?.outcome)).not.toEqual(bodyIn(inner.read(two.id)?.outcome));
  });
});

describe('searching', () => {
  test('scope, operation and key are found by equality, and a key by its beginning', async () => {
    const { store, complete } = opened();
    const { id } = await complete('order-1');
    await complete('order-1', 'other');
    const found = async (ask: object) => (await store.list({ limit: 10, ...ask })).records.map((record) => record.id);
    expect(await found({ scope: ['acme'], operation: 'order.take', key: 'order-1' })).toEqual([id]);
    expect(await found({ scope: ['acme'], keyPrefix: 'order' })).toEqual([id]);
    expect(await found({ scope: ['acme'], key: 'order' })).toEqual([]);
    expect(await found({ key: 'order-1' })).toHaveLength(2);
  });

  test('a tombstone is still found by its scope and operation, and says neither', async () => {
    const { store, complete } = opened();
    const { id } = await complete('k');
    await store.erase(id, hour);
    const { records } = await store.list({ scope: ['acme'], operation: 'order.take', limit: 10 });
    expect(records.map(({ state }) => state)).toEqual(['erased']);
    expect(JSON.stringify(await store.read(id))).not.toMatch(/acme|order/);
  });

  test('what cannot be opened is listed by its tags and hides nothing else', async () => {
    const tenants = tenantRing();
    tenants.give('acme', 'acme-1');
    tenants.give('other', 'other-1');
    const { store, complete } = opened(tenants.ring);
    const gone = await complete('k');
    const { id } = await complete('k', 'other');
    tenants.keys.delete('acme-1');
    const { records } = await store.list({ key: 'k', limit: 10 });
    expect(records.map(({ id: each, outcome }) => [each, outcome === null])).toEqual([
      [gone.id, true],
      [id, false],
    ]);
    expect((await store.list({ keyPrefix: '', limit: 10 })).records.map(({ id: each }) => each)).toEqual([id]);
  });
});

describe('rotation', () => {
  const [k1, k2] = [randomBytes(32), randomBytes(32)];

  test('old keys read, the new one writes, and tags find both', async () => {
    const { inner, store, complete } = opened(keyring({ keys: { k1 }, current: 'k1', tagKey }));
    const old = await complete('old');
    expect((await store.claim(askIn('acme', 'old'))).kind).toBe('completed');
    const rotated = sealed(inner, keyring({ keys: { k1, k2 }, current: 'k2', tagKey }));
    expect((await rotated.claim(askIn('acme', 'old'))).kind).toBe('completed');
    const ask = askIn('acme', 'new');
    await rotated.claim(ask);
    await rotated.complete({ id: ask.id, token: ask.token, outcome: answerOf('x'), retentionMs: hour });
    expect((await rotated.list?.({ scope: ['acme'], limit: 10 }))?.records).toHaveLength(2);

    const onlyNew = sealed(inner, keyring({ keys: { k2 }, current: 'k2', tagKey }));
    expect((await onlyNew.claim(askIn('acme', 'new'))).kind).toBe('completed');
    expect(await refusal(() => onlyNew.claim(askIn('acme', 'old')))).toBe('record_unreadable');
    expect(await refusal(() => onlyNew.read(old.id))).toBe('record_unreadable');
  });

  test('work that was claimed before a rotation is completed under the new key, also elsewhere', async () => {
    const { inner, store } = opened(keyring({ keys: { k1 }, current: 'k1', tagKey }));
    const ask = askIn('acme', 'k');
    await store.claim(ask);
    const rotated = sealed(inner, keyring({ keys: { k1, k2 }, current: 'k2', tagKey }));
    const { id, token } = ask;
    expect((await rotated.complete({ id, token, outcome: answerOf('x'), retentionMs: hour })).kind).toBe('stored');
    expect(Buffer.from(bodyIn(inner.read(id)?.outcome)).toString('latin1', 2, 4)).toBe('k2');
  });
});

describe('a key that was destroyed', () => {
  test('its tenant is unreadable and never runs again; others go on', async () => {
    const tenants = tenantRing();
    tenants.give('acme', 'acme-1');
    tenants.give('other', 'other-1');
    const { store, complete } = opened(tenants.ring);
    await complete('k');
    await complete('k', 'other');
    tenants.keys.delete('acme-1');
    expect(await refusal(() => store.claim(askIn('acme', 'k')))).toBe('store_unusable');
    expect((await store.claim(askIn('other', 'k'))).kind).toBe('completed');
    // The tenant comes back with a new key: what the old one sealed stays gone, and is not run.
    tenants.give('acme', 'acme-2');
    expect(await refusal(() => store.claim(askIn('acme', 'k')))).toBe('record_unreadable');
    expect((await store.claim(askIn('acme', 'new'))).kind).toBe('granted');
  });

  test('the work itself is not run: at the front door', async () => {
    const tenants = tenantRing();
    tenants.give('acme', 'acme-1');
    const once = createOnce({ store: sealed(memory(), tenants.ring) });
    let ran = 0;
    const run = () => once.run({ scope: ['acme'], operation: 'o', key: 'k' }, () => ++ran);
    await run();
    tenants.keys.delete('acme-1');
    await expect(run()).rejects.toThrow('the keyring has no key for this scope');
    tenants.give('acme', 'acme-2');
    await expect(run()).rejects.toThrow('"acme-1"');
    expect(ran).toBe(1);
  });

  test('steps that cannot be opened let nobody run, and hold up nobody either', async () => {
    const tenants = tenantRing();
    tenants.give('acme', 'acme-1');
    const { store, inner } = opened(tenants.ring);
    const ask = askIn('acme', 'k');
    await store.claim(ask);
    await store.saveStep(ask.id, ask.token, { name: 'charge', bytes: Uint8Array.of(1) });
    await store.release(ask.id, ask.token, null);
    tenants.keys.delete('acme-1');
    tenants.give('acme', 'acme-2');
    for (let again = 0; again < 2; again++)
      expect(await refusal(() => store.claim(askIn('acme', 'k')))).toBe('record_unreadable');
    expect(inner.read(ask.id)?.state).toBe('open');
  });

  test('an operator can still erase what cannot be opened', async () => {
    const tenants = tenantRing();
    tenants.give('acme', 'acme-1');
    const { store, complete } = opened(tenants.ring);
    const { id } = await complete('k');
    tenants.keys.delete('acme-1');
    expect(await store.erase(id, hour)).toEqual({ kind: 'erased' });
    tenants.give('acme', 'acme-2');
    expect(await store.claim(askIn('acme', 'k'))).toMatchObject({ kind: 'completed', outcome: { reason: 'erased' } });
  });
});

describe('sealed bytes that were tampered with', () => {
  const valueOf = (body: Uint8Array): Outcome => ({ kind: 'value', body, label: null, refs: [], details: null });

  test('the outcome of another record', async () => {
    const { inner, store, complete } = opened();
    const [one, two] = [await complete('a'), await complete('b')];
    const swapped = inner.read(two.id)?.outcome ?? null;
    tamper(inner, one.id, () => ({ outcome: swapped }));
    expect(await refusal(() => store.claim(askIn('acme', 'a')))).toBe('record_unreadable');
    expect(await refusal(() => store.read(one.id))).toBe('record_unreadable');
  });

  test('the labels of another record', async () => {
    const { inner, store, complete } = opened();
    const [one, two] = [await complete('a'), await complete('b')];
    const { labels } = inner.read(two.id) as StoredRecord;
    tamper(inner, one.id, () => ({ labels }));
    expect(await refusal(() => store.read(one.id))).toBe('record_unreadable');
  });

  test('labels in the place of an outcome, and one step in the place of another', async () => {
    const { inner, store, complete } = opened();
    const { id } = await complete('a');
    tamper(inner, id, ({ labels }) => ({ outcome: valueOf(Buffer.from(labels.path ?? '', 'base64')) }));
    expect(await refusal(() => store.claim(askIn('acme', 'a')))).toBe('record_unreadable');

    const ask = askIn('acme', 'steps');
    await store.claim(ask);
    for (const name of ['one', 'two']) await store.saveStep(ask.id, ask.token, { name, bytes: Uint8Array.of(1) });
    tamper(inner, ask.id, ({ steps: [one, two] }) => ({
      steps: [
        { name: one?.name ?? '', bytes: two?.bytes ?? new Uint8Array() },
        { name: two?.name ?? '', bytes: one?.bytes ?? new Uint8Array() },
      ],
    }));
    expect(await refusal(() => store.read(ask.id))).toBe('record_unreadable');
  });

  test('every byte of it counts: one bit turned, or cut anywhere', async () => {
    const { inner, store, complete } = opened();
    const { id } = await complete('a');
    const body = bodyIn(inner.read(id)?.outcome);
    for (let at = 0; at < body.length; at++) {
      const turned = Uint8Array.from(body, (byte, index) => (index === at ? byte ^ 1 : byte));
      tamper(inner, id, () => ({ outcome: valueOf(turned) }));
      expect(await refusal(() => store.read(id))).toBe('record_unreadable');
      tamper(inner, id, () => ({ outcome: valueOf(body.subarray(0, at)) }));
      expect(await refusal(() => store.read(id))).toBe('record_unreadable');
    }
    tamper(inner, id, () => ({ outcome: valueOf(body) }));
    expect((await store.read(id))?.outcome?.kind).toBe('answer');
  });

  test('another key id, known or not', async () => {
    const bytes = randomBytes(32);
    const { inner, store, complete } = opened(keyring({ keys: { k1: bytes, k2: bytes }, current: 'k1', tagKey }));
    const { id } = await complete('a');
    const body = bodyIn(inner.read(id)?.outcome);
    for (const keyId of ['k2', 'k3']) {
      const renamed = Buffer.from(body);
      renamed.write(keyId, 2);
      tamper(inner, id, () => ({ outcome: valueOf(renamed) }));
      // Also where both names stand for the same key: the name is part of what was sealed.
      expect(await refusal(() => store.claim(askIn('acme', 'a')))).toBe('record_unreadable');
    }
  });

  test.each<[string, Outcome]>([
    ['an answer', answerOf('forged')],
    ['a value', { kind: 'value', body: Buffer.from('{}'), label: null, refs: [], details: null }],
    ['a failure', { kind: 'failure', name: 'E', message: '' }],
    ['what was not kept', { kind: 'not-kept', reason: 'cut', status: 200, headers: [] }],
  ])('%s in plain is not believed', async (_name, outcome) => {
    const { inner, store, complete } = opened();
    const { id } = await complete('a');
    tamper(inner, id, () => ({ outcome }));
    expect(await refusal(() => store.claim(askIn('acme', 'a')))).toBe('record_unreadable');
  });
});

describe('a keyring', () => {
  const k1 = randomBytes(32);
  test.each([
    ['a short key', { keys: { k1: randomBytes(16) }, current: 'k1', tagKey }, /keys\["k1"\] must be 32 bytes/],
    ['a short tag key', { keys: { k1 }, current: 'k1', tagKey: k1.subarray(1) }, /tagKey/],
    ['a current key that is not there', { keys: { k1 }, current: 'k2', tagKey }, /current names "k2"/],
    ['an empty key id', { keys: { '': k1 }, current: '', tagKey }, /key id ""/],
  ])('with %s is refused', (_name, options, message) => {
    expect(() => keyring(options)).toThrow(message);
  });

  test('that fails is a store that fails: nothing runs', async () => {
    const broken: Keyring = { ...ring, sealing: () => Promise.reject(new Error('the key service is out')) };
    const once = createOnce({ store: sealed(memory(), broken) });
    await expect(once.run({ scope: ['a'], operation: 'o', key: 'k' }, () => 1)).rejects.toMatchObject({
      code: 'store_unavailable',
    });
  });
});
