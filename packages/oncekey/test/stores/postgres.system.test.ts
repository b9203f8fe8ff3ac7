/** Holds the PostgreSQL store to the contract on a real server, with `pg` and with `postgres`. */
import pg from 'pg';
import postgresTag from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { serverForFile } from '../../../../tools/servers/server-for-file.ts';
import { startPostgres } from '../../../../tools/servers/postgres.ts';
import { skipReason } from '../../../../tools/servers/stores-under-test.ts';
import { migrate, postgres } from '../../src/stores/postgres.ts';
import { storeContract } from '../../src/testing/store-contract.ts';

const reason = skipReason('postgres');

describe.skipIf(reason !== undefined)(`postgres on a server${reason === undefined ? '' : ` (${reason})`}`, () => {
  const server = serverForFile(() => startPostgres({ fsync: false }));
  let pool: pg.Pool;
  let tag: postgresTag.Sql;

  beforeAll(async () => {
    pool = new pg.Pool({ connectionString: server().url });
    tag = postgresTag(server().url);
    await migrate(pool);
  });

  afterAll(async () => {
    await Promise.all([pool.end(), tag.end()]);
  });

  describe.each([
    ['pg', () => pool],
    ['postgres', () => tag],
  ] as const)('with %s', (_name, client) => {
    const open = async () => {
      const store = postgres(client());
      return { store, close: () => store.close() };
    };
    it.concurrent.each(storeContract(open))('$id: $name', async (contractCase) => {
      expect(await contractCase.run()).toEqual({ kind: 'passed' });
    });
  });
});
