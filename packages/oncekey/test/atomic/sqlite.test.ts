/** Atomic mode on a SQLite file, through a handle of the user's. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { scheduler } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import { sqliteDatabase, sqliteExecutor, transactionsOf } from '../../src/atomic/index.ts';
import { idempotency } from '../../src/http/fetch.ts';
import { createOnce, memory } from '../../src/index.ts';
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

test('a transaction inside of another on the same handle is told how to join it, and nothing hangs', async () => {
  const once = createOnce({ store });
  const elsewhere = createOnce({ store: memory() });
  const outer = { scope: ['nested'], key: 'outer' };
  const inner = { scope: ['nested'], key: 'inner' };
  const nest = () => once.atomic(database, inner, () => 'inner');
  const told = /inside a transaction of this work already; join it: once\.within/;
  await expect(once.atomic(database, outer, nest)).rejects.toThrow(told);
  await expect(once.atomic(database, outer, () => elsewhere.run(inner, nest))).rejects.toThrow(told);
  let late: Promise<unknown> = Promise.resolve();
  const joined = await once.atomic(database, outer, async (tx) => {
    late = scheduler.wait(50).then(nest);
    return (await once.within(sqliteExecutor(tx), inner, () => 'joined')).value;
  });
  expect(joined.value).toBe('joined');
  // Started inside, yet asking when the outer one is over.
  expect(await late).toMatchObject({ status: 'replayed', value: 'joined' });
});

test('over HTTP, too', async () => {
  const once = createOnce({ store });
  const protect = idempotency({ store, scope: 'public', atomic: transactionsOf(database) });
  const nested = (key = 'inner'): Promise<unknown> => once.atomic(database, { scope: ['http'], key }, () => 1);
  await nested('before');
  const handler = async (): Promise<Response> => new Response(String(await nested().catch((error: unknown) => error)));
  const request = new Request('http://shop/orders', { method: 'POST', headers: { 'idempotency-key': 'order-1' } });
  expect(await (await protect(request, handler)).text()).toMatch(/inside a transaction of this work already/);
});

describeAtomic('a handle', () => ({
  store,
  database,
  oneWriter: true,
  insert: async (tx, name) => tx.prepare('INSERT INTO entry VALUES (?, 5) RETURNING 1').all(name),
  rollBack: async (tx) => tx.exec('ROLLBACK'),
  count: async (name) => reader.prepare('SELECT 1 FROM entry WHERE name = ?').all(name).length,
}));
