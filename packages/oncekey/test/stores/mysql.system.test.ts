/** Holds the MySQL store to the contract, on a MariaDB of its own and, where there is one, on a MySQL, through both clients. */
import { describe, expect, it } from 'vitest';
import { startMariadb } from '../../../../tools/servers/mariadb.ts';
import { findMysqld, startMysql } from '../../../../tools/servers/mysql.ts';
import { storesUnderTest } from '../../../../tools/servers/stores-under-test.ts';
import { migrate, mysql } from '../../src/stores/mysql.ts';
import { storeContract } from '../../src/testing/store-contract.ts';
import { mysqlServer } from './mysql/pools.ts';

const isUnderTest = storesUnderTest(['mysql']).length > 0;
const hasMysql = isUnderTest && findMysqld() !== undefined;
if (!hasMysql) process.stderr.write('skipped: the mysql store on MySQL: name its mysqld in ONCEKEY_MYSQLD\n');

const servers = [
  ['MariaDB', () => startMariadb({ flushLogAtCommit: 0 })],
  ...(hasMysql ? [['MySQL', startMysql]] : []),
] as [string, typeof startMysql][];

describe.runIf(isUnderTest)('mysql', () => {
  describe.each(servers)('on %s', (_name, start) => {
    const { pool } = mysqlServer({}, start);

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
});
