/** Atomic mode wants a store that can share a transaction, and says so where it is asked for. */
import { expect, test } from 'vitest';
import { isConflict, transactionsOf, type AtomicDatabase } from '../../src/atomic/index.ts';
import { idempotency } from '../../src/http/fetch.ts';
import { createOnce } from '../../src/index.ts';
import { memory } from '../../src/stores/memory.ts';

const database: AtomicDatabase<null> = {
  isConflict,
  transaction: (act) => act(null, () => Promise.reject(new Error('no statement may be sent'))),
};
const told = /the memory store cannot share a transaction; use postgres, mysql or sqlite/;

test('an entry over another store cannot be made', () => {
  const make = () => idempotency({ store: memory(), scope: 'public', atomic: transactionsOf(database) });
  expect(make).toThrow(TypeError);
  expect(make).toThrow(told);
});

test('a pool that nobody has wrapped is refused, where the entry is made too', async () => {
  const once = createOnce({ store: memory() });
  const call = { scope: ['acme'], key: 'k' };
  const pool = { query: () => undefined, transaction: () => undefined } as never;
  for (const db of [pool, undefined as never]) {
    await expect(once.atomic(db, call, () => 1)).rejects.toThrow(/wrap yours, such as pgDatabase\(pool\)/);
    expect(() => transactionsOf(db)).toThrow(/wrap yours, such as pgDatabase\(pool\)/);
  }
});

test('a call over another store is refused before its work', async () => {
  const once = createOnce({ store: memory() });
  let runs = 0;
  const call = once.atomic(database, { scope: ['acme'], key: 'k' }, () => (runs += 1));
  await expect(call).rejects.toThrow(told);
  expect(runs).toBe(0);
});
