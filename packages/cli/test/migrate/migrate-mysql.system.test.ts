/** `oncekey migrate` and the gateway over a real MariaDB: made once, verified at every start, never migrated by the gateway. */
import mysql2 from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startMariadb } from '../../../../tools/servers/mariadb.ts';
import { serverForFile } from '../../../../tools/servers/server-for-file.ts';
import { skipReason } from '../../../../tools/servers/stores-under-test.ts';
import { runProgram, startGateway } from '../support/program.ts';
import { startUpstream } from '../support/upstream.ts';

describe.skipIf(skipReason('mysql') !== undefined)('migrate', () => {
  const server = serverForFile(() => startMariadb({ flushLogAtCommit: 0 }));
  let pool: mysql2.Pool;
  let made = 0;

  beforeAll(() => {
    pool = mysql2.createPool({ uri: server().url, multipleStatements: true });
  });
  afterAll(() => pool.end());

  /** A database of its own, without tables. */
  async function newDatabase(): Promise<{ readonly url: string; readonly name: string }> {
    const name = `d${made++}`;
    await pool.query(`CREATE DATABASE ${name}`);
    return { url: server().url.replace(/oncekey$/, name), name };
  }

  const migrate = (...args: string[]) => runProgram(['migrate', ...args]);
  const refused = async (store: string): Promise<string> => {
    const { code, stderr } = await runProgram(['gateway', '--upstream', 'http://127.0.0.1:1', '--store', store]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^oncekey: [^\n]+\n$/);
    return stderr;
  };

  it('makes the table once, and the gateway runs on it', async () => {
    const { url, name } = await newDatabase();
    expect(await refused(url)).toMatch(/no table .*`oncekey migrate --store URL`/);
    expect(await migrate('--store', url)).toMatchObject({ code: 0, stdout: 'oncekey: made the tables of version 1\n' });
    expect(await migrate('--store', url)).toMatchObject({ code: 0, stdout: 'oncekey: version 1 is there already\n' });
    const upstream = await startUpstream();
    const gateway = await startGateway(['--upstream', upstream.url, '--store', url]);
    const post = () =>
      fetch(`${gateway.url}/charges`, {
        method: 'POST',
        headers: { 'idempotency-key': 'k-1', authorization: 'Bearer a', 'content-type': 'application/json' },
        body: '{"amount":1}',
      });
    const [first, second] = [await post(), await post()];
    expect([first.status, first.headers.get('idempotent-replayed')]).toEqual([201, null]);
    expect([second.status, second.headers.get('idempotent-replayed')]).toEqual([201, 'true']);
    expect(await second.text()).toBe('{"order":1}');
    gateway.signal('SIGTERM');
    expect((await gateway.ended).code).toBe(0);
    await upstream.close();
    const [rows] = await pool.query(
      `SELECT \`key\`, status, JSON_VALUE(body_json, '$.order') AS made FROM ${name}.oncekey_records_view`,
    );
    expect(rows).toEqual([{ key: 'k-1', status: '201', made: '1' }]);
  });

  it('prints statements that make and remove the table, without a server', async () => {
    const nowhere = 'mysql://nobody@127.0.0.1:1/none?table=once';
    const print = async (...args: string[]) => (await migrate('--store', nowhere, '--print', ...args)).stdout;
    const { url, name } = await newDatabase();
    await pool.query(`USE ${name}; ${await print()} ${await print('--operators')}`);
    expect((await migrate('--store', `${url}?table=once`, '--operators')).stdout).toMatch(/already.*indexes/);
    await pool.query(`USE ${name}; ${await print('--operators', '--down')} ${await print('--down')}`);
    const [rows] = await pool.query(`SHOW TABLES IN ${name}`);
    expect(rows).toEqual([]);
  });

  it("makes the operators' indexes when asked", async () => {
    const { url } = await newDatabase();
    const { code, stdout } = await migrate('--store', url, '--operators');
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: "oncekey: made the tables of version 1; made the operators' indexes\n",
    });
  });

  it('names both versions of a newer schema, and leaves it alone', async () => {
    const { url, name } = await newDatabase();
    await migrate('--store', url);
    await pool.query(`ALTER TABLE ${name}.oncekey_records COMMENT = 'oncekey schema 7'`);
    expect(await refused(url)).toMatch(/schema version 7, this program knows up to 1/);
    expect((await migrate('--store', url)).stderr).toMatch(/schema version 7, this program knows up to 1/);
  });

  it('says what is wrong in one line, without the password', async () => {
    const wrong: [string, RegExp][] = [
      ['mysql://nobody:secret@127.0.0.1:1/none', /nobody:…@.*ECONNREFUSED/],
      [server().url.replace('root@', 'nobody:secret@'), /refuses the account/],
      [server().url.replace('/oncekey', '/nowhere'), /no such database/],
      [`${server().url}?table=a-b`, /table must be/],
    ];
    for (const [store, says] of wrong) {
      const said = await refused(store);
      expect(said).toMatch(says);
      expect(said).not.toMatch(/secret/);
    }
  });
});
