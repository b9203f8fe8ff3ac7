/** Every storage keeps the contract; the IndexedDB one is held to it in a real browser, in `browser.system.test.ts`. */
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ClientError } from '../../../src/client/errors.ts';
import { outboxStorageContract, type OpenStorages } from '../../../src/client/outbox/contract.ts';
import { encryptedStorage, memoryStorage } from '../../../src/client/outbox/index.ts';
import type { OutboxStorage } from '../../../src/client/outbox/storage.ts';
import { sqliteStorage } from '../../../src/client/outbox/storages/sqlite.ts';
import { openDatabase } from './rig.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'oncekey-outbox-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const memories = new Map<string, OutboxStorage>();
function inMemory(name: string): OutboxStorage {
  const storage = memories.get(name) ?? memoryStorage(name);
  memories.set(name, storage);
  return storage;
}

const newSealingKey = () => crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']);
const sealingKey = newSealingKey();

const storages: readonly (readonly [string, OpenStorages])[] = [
  ['memory', { open: async (name) => inMemory(name) }],
  ['sqlite', { open: async (name) => sqliteStorage(openDatabase(join(folder, `${name}.db`)), { name }) }],
  ['encrypted memory', { open: async (name) => encryptedStorage(inMemory(`sealed ${name}`), await sealingKey) }],
];

// What is sealed is longer than what was given: two cases count in bytes.
const countsBytes = new Set(['usage', 'limits']);

describe.each(storages)('%s', (name, opener) => {
  const cases = outboxStorageContract.filter(({ id }) => name !== 'encrypted memory' || !countsBytes.has(id));
  test.for(cases)('$id: $name', ({ run }) => expect(run(opener)).resolves.toBeUndefined());
});

describe('sealed entries', () => {
  const row = { id: 'a', lane: 'main', state: 'open', data: '{"card":"4242"}', seen: 0 } as const;

  test('cannot be read where they lie', async () => {
    const inner = memoryStorage();
    await encryptedStorage(inner, await sealingKey).commit({ rows: [row] });
    expect((await inner.read('a'))?.data).not.toContain('4242');
  });

  test('are refused with another key, altered, or under another id', async () => {
    const inner = memoryStorage();
    const storage = encryptedStorage(inner, await sealingKey);
    await storage.commit({ rows: [row, { ...row, id: 'b' }] });
    const other = encryptedStorage(inner, await newSealingKey());
    const data = (await inner.read('b'))?.data ?? '';
    await inner.commit({ rows: [{ ...row, data, seen: 1 }] });
    for (const read of [other.read('b'), storage.read('a')]) {
      await expect(read).rejects.toSatisfy((error) => ClientError.is(error, 'storage_unusable'));
    }
  });
});

describe('a SQLite file', () => {
  const opening = (path: string) => () => sqliteStorage(openDatabase(path), { name: 'till' });

  test('that is no database is refused, and left as it is', () => {
    const path = join(folder, 'no.db');
    writeFileSync(path, 'this is no database, it is a text of some length that is no database at all');
    expect(opening(path)).toThrow(/\[storage_unusable\] the outbox till cannot be used: .*not a database/);
  });

  test('of a newer version is refused with both versions', async () => {
    const path = join(folder, 'newer.db');
    const storage = opening(path)();
    await storage.commit({ notes: [{ name: 'schema', value: '7' }] });
    await storage.close();
    expect(opening(path)).toThrow('its schema is 7 and this program knows 1');
  });

  test('that was damaged fails closed: nothing is taken for absent', async () => {
    const path = join(folder, 'damaged.db');
    const db = openDatabase(path);
    const storage = sqliteStorage(db);
    const data = 'x'.repeat(3000);
    for (let n = 0; n < 50; n += 1)
      await storage.commit({ rows: [{ id: `${n}`, lane: 'a', state: 'open', data, seen: 0 }] });
    db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    await storage.close();
    const file = openSync(path, 'r+');
    for (let at = 8192; at < 140_000; at += 4096) writeSync(file, Buffer.alloc(64, 0xff), 0, 64, at);
    closeSync(file);
    const readAll = async (): Promise<number> => {
      const damaged = opening(path)();
      try {
        return (await damaged.list('open', 0, 100)).length;
      } finally {
        await damaged.close();
      }
    };
    await expect(readAll()).rejects.toSatisfy((error) => ClientError.is(error, 'storage_unusable'));
  });

  test('on a full disk refuses a row and keeps what it has', async () => {
    const db = openDatabase(join(folder, 'full.db'));
    const storage = sqliteStorage(db, { name: 'till' });
    const add = (id: string) =>
      storage.commit({ rows: [{ id, lane: 'a', state: 'open', data: 'x'.repeat(4000), seen: 0 }] });
    await add('first');
    db.exec('PRAGMA max_page_count = 20');
    const fill = async (): Promise<void> => {
      for (let n = 0; n < 100; n += 1) await add(`${n}`);
    };
    await expect(fill()).rejects.toSatisfy((error) => ClientError.is(error, 'storage_full'));
    expect((await storage.list('open', 0, 100)).length).toBe((await storage.usage()).open.entries);
    expect((await storage.read('first'))?.revision).toBe(1);
    await storage.close();
  });
});
