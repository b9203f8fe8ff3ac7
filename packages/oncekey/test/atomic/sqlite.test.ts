/** Atomic mode on a SQLite file, through a handle of the user's. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { sqliteDatabase } from '../../src/atomic/index.ts';
import { sqlite } from '../../src/stores/sqlite.ts';
import { TestDatabase } from '../../../../tools/servers/sqlite.ts';
import { describeAtomic } from './suite.ts';

const folder = mkdtempSync(join(tmpdir(), 'oncekey-atomic-'));
const path = join(folder, 'once.db');
const store = sqlite(path);
const handle = new TestDatabase(path);
handle.exec('CREATE TABLE entry (name TEXT, amount INTEGER)');
const database = sqliteDatabase(handle);
const reader = new TestDatabase(path);

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
