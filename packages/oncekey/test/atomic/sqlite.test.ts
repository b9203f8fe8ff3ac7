/** Atomic mode on a SQLite file, through a handle shaped as node:sqlite. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { sqliteDatabase, type SqliteAtomicHandle } from '../../src/atomic/index.ts';
import { sqlite } from '../../src/stores/sqlite.ts';
import { describeAtomic } from './suite.ts';

interface Handle extends SqliteAtomicHandle {
  close(): void;
}

const runtime = process as { getBuiltinModule?: (name: string) => unknown };
const driver = runtime.getBuiltinModule?.('node:sqlite') ?? createRequire(import.meta.url)('@photostructure/sqlite');
const { DatabaseSync } = driver as { DatabaseSync: new (path: string) => Handle };
const folder = mkdtempSync(join(tmpdir(), 'oncekey-atomic-'));
const path = join(folder, 'once.db');
const store = sqlite(path);
const handle = new DatabaseSync(path);
handle.exec('CREATE TABLE entry (name TEXT, amount INTEGER)');
const database = sqliteDatabase(handle);
const reader = new DatabaseSync(path);

afterAll(async () => {
  await store.close();
  handle.close();
  reader.close();
  rmSync(folder, { recursive: true, force: true });
});

describeAtomic('a handle', () => ({
  store,
  database,
  oneWriter: true,
  insert: async (tx, name) => tx.prepare('INSERT INTO entry VALUES (?, 5) RETURNING 1').all(name),
  count: async (name) => reader.prepare('SELECT 1 FROM entry WHERE name = ?').all(name).length,
}));
