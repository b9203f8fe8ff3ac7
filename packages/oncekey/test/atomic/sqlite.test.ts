/** Atomic mode on a SQLite file, through a handle of the user's. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { scheduler } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import { type AtomicDatabase, sqliteDatabase, sqliteExecutor, transactionsOf } from '../../src/atomic/index.ts';
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

test('what SQLite refuses at the commit is thrown, and the work has run once', async () => {
  handle.exec('PRAGMA foreign_keys = ON');
  handle.exec('CREATE TABLE room (number INTEGER PRIMARY KEY)');
  handle.exec('CREATE TABLE seat (room INTEGER REFERENCES room (number) DEFERRABLE INITIALLY DEFERRED)');
  const once = createOnce({ store });
  const call = { scope: ['seats'], key: 'nowhere' };
  let runs = 0;
  const nowhere = once.atomic(database, call, (tx) => {
    runs += 1;
    tx.exec('INSERT INTO seat VALUES (7)');
  });
  await expect(nowhere).rejects.toThrow(/FOREIGN KEY constraint failed/);
  expect([runs, await once.get(call)]).toEqual([1, undefined]);
});

type Rows = Record<string, unknown>[];

const camelCase = (name: string): string => name.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
const settings: Record<string, (rows: Rows) => unknown[]> = {
  'columns renamed': (rows) =>
    rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, cell]) => [camelCase(name), cell]))),
  'rows as lists': (rows) => rows.map((row) => Object.values(row)),
  'whole numbers as bigints': (rows) =>
    rows.map((row) =>
      Object.fromEntries(
        Object.entries(row).map(([name, cell]) => [name, typeof cell === 'number' ? BigInt(cell) : cell]),
      ),
    ),
};

test.each(Object.entries(settings))('a library that is set to hand out %s is understood', async (name, handOut) => {
  const once = createOnce({ store });
  const call = (key: string) => ({ scope: [name], key });
  const inner = sqliteDatabase(handle);
  const database: AtomicDatabase<unknown> = {
    isConflict: (error) => inner.isConflict(error),
    transaction: (act) =>
      inner.transaction((tx, execute) =>
        act(tx, async (text, values) => handOut((await execute(text, values)) as Rows) as object[]),
      ),
  };
  expect((await once.atomic(database, call('first'), () => ({ made: 1 }))).status).toBe('executed');
  expect(await once.atomic(database, call('first'), () => null)).toMatchObject({
    status: 'replayed',
    value: { made: 1 },
  });
  const elsewhere = await once.claim(call('held'));
  await expect(once.atomic(database, call('held'), () => 'twice')).rejects.toMatchObject({ code: 'in_progress' });
  if (elsewhere.outcome === 'granted') await elsewhere.release();
  expect((await once.atomic(database, call('held'), () => 'at last')).status).toBe('executed');
});

describeAtomic('a handle', () => ({
  store,
  database,
  oneWriter: true,
  insert: async (tx, name) => tx.prepare('INSERT INTO entry VALUES (?, 5) RETURNING 1').all(name),
  rollBack: async (tx) => tx.exec('ROLLBACK'),
  count: async (name) => reader.prepare('SELECT 1 FROM entry WHERE name = ?').all(name).length,
}));
