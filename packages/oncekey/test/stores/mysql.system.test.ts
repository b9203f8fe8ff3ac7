/** Holds the MySQL store to the contract, on a MariaDB of its own, through both clients. */
import { describe, expect, it } from 'vitest';
import { migrate, mysql } from '../../src/stores/mysql.ts';
import { storeContract } from '../../src/testing/store-contract.ts';
import { storesUnderTest } from '../../../../tools/servers/stores-under-test.ts';
import { mysqlServer } from './mysql/pools.ts';

describe.runIf(storesUnderTest(['mysql']).length > 0)('mysql', () => {
  const { pool } = mysqlServer();

  describe.each(['mysql2', 'mariadb'] as const)('through %s', (client) => {
    let opened: Promise<ReturnType<typeof pool>> | undefined;
    const openPool = async () => {
      const made = pool(client, { connectionLimit: 20 });
      await migrate(made);
      return made;
    };
    const open = async () => {
      opened ??= openPool();
      const store = mysql(await opened);
      return { store, close: () => store.close() };
    };
    // The server's clock cannot be moved: cases wait, and so they wait together.
    it.concurrent.each(storeContract(open))('$id: $name', async (contractCase) => {
      expect(await contractCase.run()).toEqual({ kind: 'passed' });
    });
  });
});
