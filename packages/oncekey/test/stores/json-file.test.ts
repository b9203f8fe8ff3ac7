/** Holds the JSON file to the contract, to the layout of a registry, and to being refused rather than misread. */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmdirSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { recordId } from '../../src/core/key.ts';
import { jsonFile, registryFingerprint, registryRecordId } from '../../src/stores/json-file.ts';
import { storeContract, virtualClock } from '../../src/testing/index.ts';
import { nameOf, older, opening, parsed, refusal, registry, tenant, writeAt } from './json-file/files.ts';
import { answerOf, askFor, idOf, testFolder } from './sqlite/folder.ts';

const newPath = testFolder();
const hour = 3_600_000;

describe('the contract', () => {
  const open = async () => {
    const clock = virtualClock();
    const store = jsonFile(newPath('records.json'), { clock });
    return { store, clock, close: () => store.close() };
  };
  it.each(storeContract(open))('$id: $name', async (contractCase) => {
    expect(await contractCase.run()).toEqual({ kind: 'passed' });
  });
});

const written = (text: string | Uint8Array): string => writeAt(newPath('records.json'), text);

describe('the file of a registry', () => {
  test('a record is found under its organisation, workspace, deployment, operation and key', async () => {
    const store = jsonFile(written(registry()));
    expect(await store.claim({ ...askFor('x'), id: nameOf('k'), fingerprint: 'sha256:aa' })).toEqual({
      kind: 'completed',
      fingerprint: 'sha256:aa',
      attempt: 1,
      completedAtMs: 1_600_000_000_100,
      outcome: {
        kind: 'value',
        body: Buffer.alloc(0),
        label: 'accepted',
        refs: [
          { kind: 'delivery', id: 'd-1' },
          { kind: 'run', id: 'r-1' },
        ],
        details: { queue: 'a' },
      },
    });
    expect(await store.read(nameOf('k'))).toMatchObject({
      labels: { scope: ['acme', 'main', 'eu'], operation: 'wait.wake', key: 'k', owner: 'ingress', eventId: 'event-9' },
      firstSeenAtMs: 1_600_000_000_000,
      lastSeenAtMs: 1_600_000_000_500,
      conflictCount: 1,
      conflictFingerprints: ['sha256:bb'],
      retentionLeftMs: null,
    });
    await store.close();
  });

  test('the older layout, a bare map: organisation local, workspace default', async () => {
    const store = jsonFile(written(JSON.stringify(older)));
    const record = await store.read(recordId(['local', 'default', ''], 'webhook.provider_event', 'evt_1'));
    expect(record).toMatchObject({ state: 'completed', outcome: { label: 'accepted' } });
    await store.close();
  });

  test.each(['', '  \n', '{}', '{"schema_version":1,"records":{}}'])('%j has no record', async (text) => {
    const store = jsonFile(written(text));
    expect((await store.list({ limit: 10 })).records).toEqual([]);
    expect((await store.claim(askFor('k'))).kind).toBe('granted');
    await store.close();
  });

  test.each([
    ['conflicted with an outcome is completed', { status: 'conflicted' }, 'completed'],
    [
      'conflicted without one is reserved, by nobody knows whom',
      { status: 'conflicted', outcome: undefined },
      'abandoned',
    ],
    ['reserved for ever is abandoned: its owner is gone', { status: 'reserved', outcome: undefined }, 'abandoned'],
    ['reserved and expired is absent', { status: 'reserved', outcome: undefined, expires_at_ms: 1 }, 'absent'],
    [
      'reserved until later is in progress',
      { status: 'reserved', outcome: undefined, expires_at_ms: 4e12 },
      'in-progress',
    ],
    ['completed and expired is absent', { expires_at_ms: 1 }, 'absent'],
    ['completed until later is completed', { expires_at_ms: 4e12 }, 'completed'],
  ])('%s', async (_name, record, state) => {
    const store = jsonFile(written(registry(record)));
    expect((await store.read(nameOf('k')))?.state ?? 'absent').toBe(state);
    await store.close();
  });

  test('what it wrote stays where an older reader looks for it, also what we do not know', async () => {
    const path = written(registry({ extra: { kept: true } }));
    const store = jsonFile(path);
    const labels = { ...askFor('x').labels, scope: ['acme', 'main', ''], operation: 'outbox.send', key: 'm-1' };
    const ask = { ...askFor('x'), id: recordId(labels.scope, labels.operation, labels.key), labels };
    await store.claim({ ...ask, fingerprint: registryFingerprint(['a', 'b']) });
    await store.close();
    const file = parsed(path);
    expect(file.schema_version).toBe(1);
    expect(file.records['idem_k']).toMatchObject({
      ...older.idem_a,
      key: 'k',
      record_id: 'idem_k',
      operation: 'wait.wake',
    });
    expect(file.records['idem_k']).toMatchObject({
      tenant_context: tenant,
      extra: { kept: true },
      status: 'completed',
    });
    expect(file.records[registryRecordId(['acme', 'main'], 'outbox.send', 'm-1')]).toMatchObject({
      schema_version: 1,
      tenant_context: { org_id: 'acme', workspace_id: 'main', deployment_id: null },
      request_fingerprint: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) as string,
      status: 'reserved',
      conflict_count: 0,
      oncekey: { token: ask.token, attempt: 1 },
    });
  });

  test('record ids and fingerprints frame their parts by 8 bytes of length', () => {
    // Worked out by hand: SHA-256 over 0000000000000001 61, 0000000000000001 62, 0, 0000000000000001 63, 0000000000000001 64.
    const bytes = Buffer.from(
      '0000000000000001610000000000000001620000000000000000000000000000000163000000000000000164',
      'hex',
    );
    const hex = createHash('sha256').update(bytes).digest('hex');
    expect(registryRecordId(['a', 'b'], 'c', 'd')).toBe(`idem_${hex}`);
    expect(registryRecordId(['a', 'b', ''], 'c', 'd')).toBe(`idem_${hex}`);
    expect(registryFingerprint(['a', 'b', '', 'c', 'd'])).toBe(`sha256:${hex}`);
    expect(registryFingerprint(['ab'])).not.toBe(registryFingerprint(['a', 'b']));
    // A length counts bytes, not characters.
    expect(registryFingerprint(['é'])).toBe(registryFingerprint([Buffer.from('é')]));
  });
});

describe('a file that cannot be trusted', () => {
  test('of a newer schema names both versions', async () => {
    const store = jsonFile(written(registry({}, { schema_version: 3 })));
    const error = await refusal(() => store.check());
    expect(error).toMatchObject({ code: 'store_unusable' });
    expect(error?.message).toMatch(/schema_version 3, this program knows 1/);
  });

  test.each([
    ['not UTF-8', Buffer.from([0x7b, 0xff, 0x7d])],
    ['zeros', Buffer.alloc(100)],
    ['an array', '[]'],
    ['a text', '"records"'],
    ['a version that never was', registry({}, { schema_version: 0 })],
    ['no records', '{"schema_version":1}'],
    ['a record that is none', '{"schema_version":1,"records":{"a":1}}'],
    ['an older layout with something else in it', '{"idem_a":{"key":"k"},"x":1}'],
    ['a record without a key', registry({ key: undefined })],
    ['a time that is none', registry({ first_seen_at_ms: 'soon' })],
    ['an outcome without a kind', registry({ outcome: { completed_at_ms: 1 } })],
  ])('%s is refused', async (_name, text) => {
    expect(await opening(written(text), nameOf('k'))).toBe('store_unusable');
  });

  test('a field that cannot be is told by record and field', async () => {
    const error = await refusal(() => jsonFile(written(registry({ first_seen_at_ms: 'soon' }))).check());
    expect(error?.message).toMatch(/idem_k: first_seen_at_ms cannot be "soon"/);
  });

  test('is left as it is, and used once it is mended', async () => {
    const path = written('{"schema_version":1,"rec');
    const store = jsonFile(path);
    expect((await refusal(() => store.claim(askFor('k'))))?.code).toBe('store_unusable');
    expect(readFileSync(path, 'utf8')).toBe('{"schema_version":1,"rec');
    writeFileSync(path, '{}');
    expect((await store.claim(askFor('k'))).kind).toBe('granted');
    await store.close();
  });
});

describe('writing', () => {
  test('calls that come together share a writing', async () => {
    const path = newPath('records.json');
    const store = jsonFile(path);
    await store.check();
    const inodes = new Set<number>();
    const watching = Promise.all(
      Array.from({ length: 200 }, async (_, number) => {
        await store.claim(askFor(`k${number}`));
        inodes.add(statSync(path).ino);
      }),
    );
    await watching;
    expect(Object.keys(parsed(path).records)).toHaveLength(200);
    // Each writing is a file of its own.
    expect(inodes.size).toBeLessThanOrEqual(3);
    await store.close();
  });

  test('nobody is told what is not on the disk', async () => {
    const path = newPath('records.json');
    const store = jsonFile(path);
    for (let number = 0; number < 20; number++) {
      const ask = askFor(`k${number}`);
      await store.claim(ask);
      expect(readFileSync(path, 'utf8')).toContain(ask.token);
    }
    await store.close();
  });

  test('a replay writes nothing', async () => {
    const path = newPath('records.json');
    const store = jsonFile(path);
    const ask = askFor('k');
    await store.claim(ask);
    await store.complete({ id: ask.id, token: ask.token, outcome: answerOf('x'), retentionMs: hour });
    const { ino } = statSync(path);
    expect((await store.claim(askFor('k'))).kind).toBe('completed');
    expect(statSync(path).ino).toBe(ino);
    await store.close();
  });

  test('what could not be written is told, shown to nobody and written later', async () => {
    const path = newPath('records.json');
    const store = jsonFile(path);
    const ask = askFor('k');
    await store.claim(ask);
    // The next file is a folder now, so that it cannot be opened for writing.
    mkdirSync(`${path}.tmp`);
    const complete = () => store.complete({ id: ask.id, token: ask.token, outcome: answerOf('x'), retentionMs: hour });
    expect((await refusal(complete))?.code).toBe('store_unusable');
    expect((await refusal(() => store.claim(askFor('k'))))?.code).toBe('store_unusable');
    expect((await refusal(() => store.read(ask.id)))?.code).toBe('store_unusable');
    rmdirSync(`${path}.tmp`);
    expect((await complete()).kind).toBe('already');
    expect((await store.claim(askFor('k'))).kind).toBe('completed');
    await store.close();
    expect(readFileSync(path, 'utf8')).toContain('"completed"');
  });

  test('keeps the mode of the file, follows a link, and makes the folder', async () => {
    const path = written('{}');
    chmodSync(path, 0o640);
    const linked = join(dirname(path), 'link.json');
    symlinkSync(path, linked);
    const store = jsonFile(linked);
    await store.claim(askFor('k'));
    await store.close();
    expect(statSync(path).mode & 0o777).toBe(0o640);
    expect(Object.keys(parsed(path).records)).toHaveLength(1);
    const deep = join(newPath('a'), 'b', 'records.json');
    const other = jsonFile(deep);
    await other.check();
    expect(statSync(deep).mode & 0o777).toBe(0o600);
    await other.close();
  });

  test('nothing but the file is left after closing', async () => {
    const path = newPath('records.json');
    const store = jsonFile(path);
    await store.claim(askFor('k'));
    expect(existsSync(`${path}.lock`)).toBe(true);
    await store.close();
    await store.close();
    expect(readdirSync(dirname(path))).toEqual(['records.json']);
    expect((await refusal(() => store.read(idOf('k'))))?.message).toMatch(/closed/);
  });

  test('an erased record leaves nothing of what another program had said of it', async () => {
    const path = written(registry({ extra: 'personal' }));
    const store = jsonFile(path);
    await store.erase(nameOf('k'), hour);
    await store.close();
    expect(readFileSync(path, 'utf8')).not.toMatch(/personal|robot|delivery|event-9/);
  });
});

describe('one process a file', () => {
  test('a second store on it is refused and named, until the first is closed', async () => {
    const path = newPath('records.json');
    const [one, two] = [jsonFile(path), jsonFile(path)];
    await one.check();
    const error = await refusal(() => two.check());
    expect(error?.code).toBe('store_unusable');
    expect(error?.message).toContain(`in use by process ${process.pid}`);
    await one.close();
    await two.check();
    await two.close();
  });

  const holder = { pid: process.pid, host: hostname(), started: 'another boot/1', nonce: 'n' };
  test.each([
    ['of a process that is gone', { ...holder, pid: 0x3fffff }, true],
    ['of a process whose number is used again', holder, true],
    ['of another machine, renewed a moment ago', { ...holder, host: 'elsewhere' }, false],
  ])('a mark %s', async (_name, mark, free) => {
    const path = newPath('records.json');
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(`${path}.lock`, JSON.stringify(mark));
    const store = jsonFile(path);
    expect((await refusal(() => store.check())) === undefined).toBe(free);
    await store.close();
  });

  test.each([
    ['of another machine, not renewed for a minute', JSON.stringify({ ...holder, host: 'elsewhere' }), true],
    ['that was cut when its process died', '{"pid":', true],
  ])('a mark %s', async (_name, text, free) => {
    const path = newPath('records.json');
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(`${path}.lock`, text);
    const minuteAgo = Date.now() / 1000 - 60;
    utimesSync(`${path}.lock`, minuteAgo, minuteAgo);
    const store = jsonFile(path);
    expect((await refusal(() => store.check())) === undefined).toBe(free);
    await store.close();
  });

  test('who was taken for dead and replaced writes nothing any more', async () => {
    const path = newPath('records.json');
    const store = jsonFile(path);
    await store.check();
    writeFileSync(`${path}.lock`, JSON.stringify({ ...holder, nonce: 'another' }));
    const before = readFileSync(path, 'utf8');
    expect((await refusal(() => store.claim(askFor('k'))))?.message).toMatch(/held by somebody else/);
    expect(readFileSync(path, 'utf8')).toBe(before);
    await store.close().catch(() => undefined);
    expect(existsSync(`${path}.lock`)).toBe(true);
  });
});

test('a path that is none is refused', () => {
  expect(() => jsonFile('')).toThrow(/jsonFile: path/);
});
