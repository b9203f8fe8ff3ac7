/**
 * The gateway keeps the HTTP contract, over every store that it can open. A store is one
 * line here: its name, the URL for a case, and where it is to be had at all.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mysql2 from 'mysql2/promise';
import * as mysql from 'oncekey/mysql';
import * as postgres from 'oncekey/postgres';
import { httpContract } from 'oncekey/testing';
import pg from 'pg';
import { afterAll, describe, expect, test } from 'vitest';
import { startMariadb } from '../../../../tools/servers/mariadb.ts';
import { startPostgres } from '../../../../tools/servers/postgres.ts';
import { startRedis } from '../../../../tools/servers/redis.ts';
import { serverForFile } from '../../../../tools/servers/server-for-file.ts';
import { openBehindGateway } from '../support/app.ts';

const folder = mkdtempSync(join(tmpdir(), 'oncekey-gateway-'));
afterAll(() => rmSync(folder, { recursive: true }));
const onPostgres = serverForFile(() => startPostgres({ fsync: false }));
const onMariadb = serverForFile(startMariadb);
const onRedis = serverForFile(() => startRedis({ appendOnly: 'off' }));

// Each case has records of its own, though its keys are those of others.
let cases = 0;
const newTable = (): string => `case_${++cases}`;

async function postgresTable(): Promise<string> {
  const table = newTable();
  const client = new pg.Client({ connectionString: onPostgres().url });
  await client.connect();
  await postgres.migrate(client, { table });
  await client.end();
  return `${onPostgres().url}?table=${table}`;
}

async function mysqlTable(): Promise<string> {
  const table = newTable();
  const pool = mysql2.createPool(onMariadb().url);
  await mysql.migrate(pool, { table });
  await pool.end();
  return `${onMariadb().url}?table=${table}`;
}

const redisUrl = (): string => `${onRedis().url}?prefix=${newTable()}:`;

interface Tried {
  readonly name: string;
  readonly url: () => string | Promise<string>;
  readonly hot?: () => string;
}

const stores: readonly Tried[] = [
  { name: 'memory', url: () => 'memory:' },
  { name: 'sqlite', url: () => `sqlite:${join(folder, `${newTable()}.db`)}` },
  { name: 'redis', url: redisUrl },
  { name: 'postgres', url: postgresTable },
  { name: 'mysql', url: mysqlTable },
  { name: 'redis in front of postgres', url: postgresTable, hot: redisUrl },
];

const lacks = {
  'body-parser': 'a gateway has none',
  nesting: 'a gateway does not ask itself',
  work: 'the work runs in another process',
};

const except = {
  'request-upgrade-passes':
    'without Connection: upgrade it asks for no other protocol; tunnels have tests of their own',
};

describe.each(stores)('$name', ({ url, hot }) => {
  const contract = httpContract(openBehindGateway(url, hot), { lacks, except });
  test.concurrent.for(contract)('$id: $name', async ({ run, skip }) => {
    expect((await run()).kind).toBe(skip === undefined ? 'passed' : 'skipped');
  });
});
