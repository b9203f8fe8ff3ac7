/**
 * The `registry` profile, cell by cell (SEMANTICS section 3): what the users of a registry of
 * operations rely on, on the JSON file that they bring along and on two other stores.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { createOnce, IdempotencyError, memory, type Once, type Scope } from '../../src/index.ts';
import type { Store } from '../../src/core/store.ts';
import { jsonFile, registryFingerprint, registryRecordId } from '../../src/stores/json-file.ts';
import { sqlite } from '../../src/stores/sqlite.ts';
import { virtualClock, type VirtualClock } from '../../src/testing/virtual-clock.ts';

const folder = mkdtempSync(join(tmpdir(), 'oncekey-registry-'));
const opened: Store[] = [];
let files = 0;

afterEach(async () => {
  await Promise.all(opened.splice(0).map(async (store) => store.close?.()));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const newPath = (name: string): string => join(folder, `${files++}`, name);

const stores: readonly (readonly [string, (clock: VirtualClock) => Store])[] = [
  ['json-file', (clock) => jsonFile(newPath('records.json'), { clock })],
  ['memory', (clock) => memory({ clock })],
  ['sqlite', (clock) => sqlite(newPath('records.db'), { clock, synchronous: 'normal' })],
];

/** The operations of the registry, kept for ever as it does. */
function desk(open: (clock: VirtualClock) => Store): { once: Once; clock: VirtualClock } {
  const clock = virtualClock();
  const store = open(clock);
  opened.push(store);
  return { once: createOnce({ store, clock, retentionMs: null }), clock };
}

const scope: Scope = ['acme', 'main', undefined];
const event = {
  scope,
  operation: 'webhook.provider_event',
  key: 'evt_1',
  owner: 'ingress',
  eventId: 'event-9',
  fingerprint: registryFingerprint(['provider', 'body']),
} as const;
const accepted = {
  kind: 'accepted',
  refs: [
    { kind: 'delivery', id: 'd-1' },
    { kind: 'run', id: 'r-1' },
  ],
  details: { queue: 'a' },
};

async function reserve(once: Once, over: object = {}): Promise<string> {
  const claimed = await once.claim({ ...event, expiresInMs: 60_000, ...over });
  if (claimed.outcome !== 'granted') throw new Error(`the claim is ${claimed.outcome}`);
  return claimed.token;
}

async function completed(once: Once, over: object = {}): Promise<void> {
  const token = await reserve(once, over);
  await once.complete({ ...event, ...over, token, value: null, ...accepted });
}

async function refusal(act: () => Promise<unknown>): Promise<unknown> {
  const error: unknown = await act().then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return IdempotencyError.is(error) ? [error.code, (error.details as { field?: string }).field] : error;
}

describe.each(stores)('the registry on %s', (_name, open) => {
  test.each(['webhook.provider_event', 'wait.wake', 'outbox.send'])('entry: %s is reserved once', async (operation) => {
    const { once } = desk(open);
    await reserve(once, { operation });
    expect(await once.claim({ ...event, operation })).toMatchObject({ outcome: 'in-progress', attempt: 1 });
  });

  test('scope: organisation, workspace, deployment and operation keep keys apart', async () => {
    const { once } = desk(open);
    const names = [
      { scope: ['acme', 'main', undefined] },
      { scope: ['acme', 'main', 'eu'] },
      { scope: ['acme', 'eu', undefined] },
      { scope: ['other', 'main', undefined] },
      { operation: 'wait.wake' },
    ];
    await completed(once, names[0]);
    for (const name of names.slice(1)) expect(await once.get({ ...event, ...name })).toBeUndefined();
    for (const name of names.slice(1)) expect((await once.claim({ ...event, ...name })).outcome).toBe('granted');
    expect((await once.get(event))?.kind).toBe('accepted');
  });

  test.each([
    [{ key: '' }, 'key_invalid', 'key'],
    [{ key: '  ' }, 'key_invalid', 'key'],
    [{ operation: ' ' }, 'field_invalid', 'operation'],
    [{ owner: '' }, 'field_invalid', 'owner'],
    [{ fingerprint: ' ' }, 'field_invalid', 'fingerprint'],
    [{ scope: ['', 'main'] }, 'field_invalid', 'scope[0]'],
    [{ scope: ['acme', ' '] }, 'field_invalid', 'scope[1]'],
    [{ key: 'a\0b' }, 'key_invalid', 'key'],
    [{ key: 'a\ud800' }, 'key_invalid', 'key'],
    [{ operation: '\udc00a' }, 'field_invalid', 'operation'],
    [{ scope: ['a\0b'] }, 'field_invalid', 'scope[0]'],
    [{ owner: 'a\0b' }, 'field_invalid', 'owner'],
    [{ eventId: 'a\ud800b' }, 'field_invalid', 'eventId'],
    [{ fingerprint: 'a\0b' }, 'field_invalid', 'fingerprint'],
  ])('unusable %j: an error that names the field', async (over, code, field) => {
    const { once } = desk(open);
    expect(await refusal(() => once.claim({ ...event, ...over }))).toEqual([code, field]);
  });

  test('names are trimmed; a blank one is nothing to find', async () => {
    const { once } = desk(open);
    await completed(once, { key: ' evt_1 ', operation: ' webhook.provider_event', owner: ' ingress ' });
    expect(await once.get(event)).toMatchObject({ key: 'evt_1', operation: event.operation, owner: 'ingress' });
    expect(await once.get({ ...event, key: ' ' })).toBeUndefined();
    expect(await once.get({ ...event, operation: '' })).toBeUndefined();
  });

  test('fingerprint: given by the caller, kept as it is', async () => {
    const { once } = desk(open);
    await completed(once);
    expect((await once.get(event))?.fingerprint).toBe(event.fingerprint);
    expect((await once.claim(event)).outcome).toBe('completed');
  });

  test('duplicate in flight: told so, with the reserved record', async () => {
    const { once } = desk(open);
    await reserve(once);
    expect(await once.claim({ ...event, owner: 'another', eventId: 'event-10' })).toMatchObject({
      outcome: 'in-progress',
      record: { state: 'in-progress', owner: 'ingress', eventId: 'event-9', key: 'evt_1', conflictCount: 0 },
    });
  });

  test('other payload: a conflict with the record, counted, its distinct fingerprints kept', async () => {
    const { once } = desk(open);
    await completed(once);
    const others = ['sha256:b', 'sha256:c', 'sha256:b'];
    for (const fingerprint of others) expect((await once.claim({ ...event, fingerprint })).outcome).toBe('conflict');
    const told = await once.claim({ ...event, fingerprint: 'sha256:c' });
    expect(told).toMatchObject({ outcome: 'conflict', record: { ...accepted, conflictCount: 4 } });
    const record = await once.get(event);
    expect(record?.conflictFingerprints).toEqual(['sha256:b', 'sha256:c']);
    // A conflict never takes the outcome away, as it did in the registry.
    expect(record).toMatchObject({ state: 'completed', ...accepted });
    expect(await once.claim(event)).toMatchObject({ outcome: 'completed', record: accepted });
  });

  test('other payload while it is reserved: a conflict, and the owner goes on', async () => {
    const { once } = desk(open);
    const token = await reserve(once);
    expect(await once.claim({ ...event, fingerprint: 'sha256:b' })).toMatchObject({
      outcome: 'conflict',
      record: { state: 'in-progress', conflictCount: 1, conflictFingerprints: ['sha256:b'] },
    });
    expect(await once.complete({ ...event, token, value: 1 })).toMatchObject({ kind: 'stored' });
  });

  test('replay: the original outcome with its references and its time', async () => {
    const { once, clock } = desk(open);
    await completed(once);
    const atMs = clock.nowMs();
    await clock.advance(365 * 86_400_000);
    expect(await once.claim(event)).toMatchObject({
      outcome: 'completed',
      record: { ...accepted, completedAtMs: atMs, attempt: 1 },
    });
  });

  test('completing again changes nothing, and who does not own it completes nothing', async () => {
    const { once } = desk(open);
    const token = await reserve(once);
    expect((await once.complete({ ...event, token: 'another', value: 0 })).kind).toBe('lost');
    expect((await once.complete({ ...event, token, value: 1, ...accepted })).kind).toBe('stored');
    expect((await once.complete({ ...event, token, value: 2 })).kind).toBe('already');
    expect(await once.get(event)).toMatchObject({ value: 1, ...accepted });
    expect((await once.complete({ ...event, key: 'none', token, value: 1 })).kind).toBe('lost');
  });

  test('after a crash: reserved anew when its expiry has passed, and the first owner is told', async () => {
    const { once, clock } = desk(open);
    const token = await reserve(once, { expiresInMs: 5000 });
    await clock.advance(4999);
    expect((await once.claim(event)).outcome).toBe('in-progress');
    await clock.advance(1);
    expect(await once.claim({ ...event, expiresInMs: 5000 })).toMatchObject({ outcome: 'granted', attempt: 2 });
    expect(await once.complete({ ...event, token, value: 1 })).toEqual({ kind: 'lost' });
  });

  test('an outcome that expires is reserved anew as if it had never been', async () => {
    const { once, clock } = desk(open);
    const token = await reserve(once);
    await once.complete({ ...event, token, value: 1, retentionMs: 1000 });
    await clock.advance(1000);
    expect(await once.get(event)).toBeUndefined();
    expect(await once.claim(event)).toMatchObject({ outcome: 'granted', attempt: 1 });
  });

  test('beyond: first and last seen, owner and first event id', async () => {
    const { once, clock } = desk(open);
    const firstSeenAtMs = clock.nowMs();
    await completed(once);
    await clock.advance(1000);
    await once.claim({ ...event, fingerprint: 'sha256:b', owner: 'another', eventId: 'event-10' });
    const record = await once.get(event);
    expect(record).toMatchObject({
      firstSeenAtMs,
      lastSeenAtMs: firstSeenAtMs + 1000,
      owner: 'ingress',
      eventId: 'event-9',
    });
    await clock.advance(1000);
    await once.claim(event);
    await once.close();
    expect((await once.get(event))?.lastSeenAtMs).toBe(firstSeenAtMs + 2000);
  });
});

describe('the file', () => {
  test('what is reserved and completed is there for a reader of the registry, under its own record id', async () => {
    const path = newPath('records.json');
    const { once } = desk((clock) => jsonFile(path, { clock }));
    await completed(once);
    await once.claim({ ...event, fingerprint: 'sha256:b' });
    const { records, schema_version: version } = JSON.parse(readFileSync(path, 'utf8')) as {
      schema_version: number;
      records: Record<string, object>;
    };
    expect(version).toBe(1);
    expect(records[registryRecordId(['acme', 'main'], event.operation, event.key)]).toMatchObject({
      tenant_context: { org_id: 'acme', workspace_id: 'main', deployment_id: null },
      operation: event.operation,
      key: 'evt_1',
      owner: 'ingress',
      request_fingerprint: event.fingerprint,
      status: 'completed',
      first_seen_event_id: 'event-9',
      outcome: {
        outcome_kind: 'accepted',
        primary_ref_kind: 'delivery',
        primary_ref_id: 'd-1',
        secondary_ref_kind: 'run',
        secondary_ref_id: 'r-1',
        details: { queue: 'a' },
      },
      conflict_count: 1,
      conflict_fingerprints: ['sha256:b'],
    });
  });
});
