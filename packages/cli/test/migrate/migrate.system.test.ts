/** `oncekey migrate` and the gateway over a real PostgreSQL: made once, verified at every start, never migrated by the gateway. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { serverForFile } from '../../../../tools/servers/server-for-file.ts';
import { startPostgres } from '../../../../tools/servers/postgres.ts';
import { skipReason } from '../../../../tools/servers/stores-under-test.ts';
import { runProgram, startGateway } from '../support/program.ts';
import { startUpstream } from '../support/upstream.ts';

const reason = skipReason('postgres');

describe.skipIf(reason !== undefined)('migrate', () => {
  const server = serverForFile(() => startPostgres({ fsync: false }));
  let pool: pg.Pool;
  let made = 0;

  beforeAll(() => {
    pool = new pg.Pool({ connectionString: server().url });
  });
  afterAll(() => pool.end());

  /** A database of its own, without tables. */
  async function newDatabase(): Promise<string> {
    const name = `d${made++}`;
    await pool.query(`CREATE DATABASE ${name}`);
    return server().url.replace(/postgres$/, name);
  }

  async function inDatabase(url: string, text: string): Promise<Record<string, unknown>[]> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(text)).rows;
    } finally {
      await client.end();
    }
  }

  const migrate = (...args: string[]) => runProgram(['migrate', ...args]);
  const refused = async (store: string): Promise<string> => {
    const { code, stdout, stderr } = await runProgram([
      'gateway',
      '--upstream',
      'http://127.0.0.1:1',
      '--store',
      store,
    ]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^oncekey: [^\n]+\n$/);
    return stderr;
  };

  it('makes the tables once, and the gateway runs on them', async () => {
    const url = await newDatabase();
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
    const [row] = await inDatabase(url, `SELECT key, status, body_json->>'order' AS made FROM oncekey_records_view`);
    expect(row).toEqual({ key: 'k-1', status: 201, made: '1' });
  });

  it('prints statements that make and remove the tables, without a server', async () => {
    const nowhere = 'postgres://nobody@127.0.0.1:1/none?schema=public&table=once';
    const { code, stdout: up } = await migrate('--store', nowhere, '--print');
    const { stdout: down } = await migrate('--store', nowhere, '--print', '--down');
    const { stdout: operatorsUp } = await migrate('--store', nowhere, '--print', '--operators');
    const { stdout: operatorsDown } = await migrate('--store', nowhere, '--print', '--operators', '--down');
    expect(code).toBe(0);
    const url = await newDatabase();
    const names = `SELECT relname FROM pg_class WHERE relname LIKE 'once%' ORDER BY 1`;
    await inDatabase(url, up);
    await inDatabase(url, operatorsUp);
    expect((await inDatabase(url, names)).map(({ relname }) => relname)).toEqual([
      'once',
      'once_by_age',
      'once_by_expiry',
      'once_by_key',
      'once_by_scope',
      'once_pkey',
      'once_schema',
      'once_schema_pkey',
      'once_view',
    ]);
    expect((await migrate('--store', `${url}?table=once`)).stdout).toMatch(/already/);
    await inDatabase(url, operatorsDown);
    await inDatabase(url, down);
    expect(await inDatabase(url, names)).toEqual([]);
  });

  it("makes the operators' indexes when asked", async () => {
    const url = await newDatabase();
    const { code, stdout } = await migrate('--store', url, '--operators');
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: "oncekey: made the tables of version 1; made the operators' indexes\n",
    });
  });

  it('names both versions of a newer schema, and leaves it alone', async () => {
    const url = await newDatabase();
    await migrate('--store', url);
    await inDatabase(url, 'UPDATE oncekey_records_schema SET version = 7');
    expect(await refused(url)).toMatch(/schema version 7, this program knows up to 1/);
    const { code, stderr } = await migrate('--store', url);
    expect(code).toBe(2);
    expect(stderr).toMatch(/schema version 7, this program knows up to 1/);
  });

  it('names the grant that is missing', async () => {
    const url = await newDatabase();
    await migrate('--store', url);
    await inDatabase(
      url,
      'CREATE ROLE clerk LOGIN; GRANT SELECT, INSERT ON oncekey_records, oncekey_records_schema TO clerk',
    );
    const said = await refused(url.replace('postgres@', 'clerk:secret@'));
    expect(said).toMatch(/clerk lacks UPDATE, DELETE on "oncekey_records"/);
    expect(said).not.toMatch(/secret/);
  });

  it('says what is wrong in one line, with exit code 2', async () => {
    const wrong: [string[], RegExp][] = [
      [[], /--store/],
      [['--store', 'memory:'], /no tables/],
      [['--store', 'nonsense'], /will not do/],
      [['--store', 'postgres://nobody:secret@127.0.0.1:1/none'], /nobody:…@.*ECONNREFUSED/],
      [['--store', 'postgres://h/d?table=a-b', '--print'], /table must be/],
      [['--store', 'postgres://h/d', '--down'], /--down: only with --print/],
    ];
    for (const [args, says] of wrong) {
      const { code, stdout, stderr } = await migrate(...args);
      expect({ args, code, stdout }).toEqual({ args, code: 2, stdout: '' });
      expect(stderr).toMatch(says);
      expect(stderr).toMatch(/^oncekey: [^\n]+\n$/);
    }
  });
});
