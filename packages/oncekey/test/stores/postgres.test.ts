/** Holds the PostgreSQL store to the contract, on a PostgreSQL inside this process (PGlite). */
import { PGlite } from '@electric-sql/pglite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrate, postgres } from '../../src/stores/postgres.ts';
import { storeContract } from '../../src/testing/store-contract.ts';

let db: PGlite;

beforeAll(async () => {
  db = new PGlite();
  await migrate(db);
}, 60_000);

afterAll(() => db.close());

describe('postgres on PGlite', () => {
  const open = async () => {
    const store = postgres(db);
    return { store, close: () => store.close() };
  };
  // All cases share one thread of one server: beside other work a case may wait for long.
  it.concurrent.each(storeContract(open))('$id: $name', { timeout: 60_000 }, async (contractCase) => {
    expect(await contractCase.run()).toEqual({ kind: 'passed' });
  });
});
