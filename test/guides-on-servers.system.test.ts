/**
 * The guides' blocks that want a database (`postgres` or `mysql` after the language) run on a real one, each in a
 * database of its own that has the table `orders` and the records' tables; `orms` and `recipes` tell whose
 * libraries, which stand outside.
 */
import { join } from 'node:path';
import mysql2 from 'mysql2/promise';
import { migrate as migrateMysql } from 'oncekey/mysql';
import { migrate as migratePostgres } from 'oncekey/postgres';
import pg from 'pg';
import { beforeAll, expect, test } from 'vitest';
import { outside } from '../tools/outside/outside.js';
import { startMariadb } from '../tools/servers/mariadb.ts';
import { startPostgres } from '../tools/servers/postgres.ts';
import { serverForFile } from '../tools/servers/server-for-file.ts';
import {
  compileExamples,
  examplePages,
  examplesOf,
  promisedEnding,
  runExample,
  writeExamples,
} from './support/examples.ts';
import { scratch } from './support/scratch.ts';
import type { Ended } from './support/scratch.ts';

const examples = examplesOf(examplePages()).filter(({ words }) => words.length > 0);
const on = (server: string) => examples.filter(({ words }) => words.includes(server));
const postgres = serverForFile(() => startPostgres({ fsync: false }));
const mariadb = serverForFile(() => startMariadb());
const folder = scratch();
let compiled: Ended;

beforeAll(async () => {
  const groups = await Promise.all([outside('orms'), outside('recipes')]);
  writeExamples(
    folder,
    examples,
    groups.map((group) => join(group.folder, 'node_modules')),
  );
  compiled = await compileExamples(folder);
}, 300_000);

const orders = 'CREATE TABLE orders (id varchar(40) PRIMARY KEY)';
const named = (file: string): string => file.replace('-', '_');

async function postgresDatabase(file: string): Promise<string> {
  const { url } = postgres();
  await withPool(new pg.Pool({ connectionString: url }), (pool) => pool.query(`CREATE DATABASE ${named(file)}`));
  const own = Object.assign(new URL(url), { pathname: `/${named(file)}` }).href;
  await withPool(new pg.Pool({ connectionString: own }), async (pool) => {
    await migratePostgres(pool);
    await pool.query(orders);
  });
  return own;
}

async function mysqlDatabase(file: string): Promise<string> {
  const { url } = mariadb();
  await withPool(mysql2.createPool(url), (pool) => pool.query(`CREATE DATABASE ${named(file)}`));
  const own = Object.assign(new URL(url), { pathname: `/${named(file)}` }).href;
  await withPool(mysql2.createPool(own), async (pool) => {
    await migrateMysql(pool);
    await pool.query(orders);
  });
  return own;
}

async function withPool<Pool extends { end(): Promise<void> }>(pool: Pool, act: (pool: Pool) => Promise<unknown>) {
  try {
    await act(pool);
  } finally {
    await pool.end();
  }
}

test('each names a server that there is', () => {
  expect(examples.filter((example) => ![...on('postgres'), ...on('mysql')].includes(example))).toEqual([]);
  expect(on('postgres').length).toBeGreaterThan(0);
  expect(on('mysql').length).toBeGreaterThan(0);
});

test('they compile against the built package and the libraries themselves', () => {
  expect(compiled).toEqual({ code: 0, text: '' });
});

test.each(on('postgres'))('$name runs on PostgreSQL and prints what it promises', async (example) => {
  const env = { DATABASE_URL: await postgresDatabase(example.file) };
  expect(await runExample(folder, example, { env })).toEqual(promisedEnding(example));
});

test.each(on('mysql'))('$name runs on MariaDB and prints what it promises', async (example) => {
  const env = { DATABASE_URL: await mysqlDatabase(example.file) };
  expect(await runExample(folder, example, { env })).toEqual(promisedEnding(example));
});
