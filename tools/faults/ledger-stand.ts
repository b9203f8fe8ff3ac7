/** The databases that the ledger is kept in, started for a test; each with the way to read its books. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mysql2 from 'mysql2/promise';
import pg from 'pg';
import { startMariadb } from '../servers/mariadb.ts';
import { startPostgres } from '../servers/postgres.ts';
import { TestDatabase } from '../servers/sqlite.ts';
import type { Books, Ledger } from './ledger.ts';

/** Databases with transactions to share. */
export const ledgerDatabases = ['sqlite', 'postgres', 'mysql'] as const;

/** A ledger that is ready, and its end. */
export interface LedgerStand extends Ledger {
  stop(): Promise<void>;
}

type Select = (text: string) => Promise<readonly Record<string, unknown>[]>;

/** Starts the database; `root` is that of the repository. */
export async function startLedger(name: (typeof ledgerDatabases)[number], root: string): Promise<LedgerStand> {
  switch (name) {
    case 'sqlite':
      return onFile(root);
    case 'postgres': {
      const server = await startPostgres();
      const pool = new pg.Pool({ connectionString: server.url, max: 2 });
      const select: Select = async (text) => (await pool.query<Record<string, unknown>>(text)).rows;
      return stand(root, server.url, select, () => pool.end().then(() => server.stop()));
    }
    case 'mysql': {
      const server = await startMariadb();
      const pool = mysql2.createPool({ uri: server.url, connectionLimit: 2 });
      const select: Select = async (text) => (await pool.query(text))[0] as Record<string, unknown>[];
      return stand(root, server.url, select, () => pool.end().then(() => server.stop()));
    }
  }
}

function onFile(root: string): LedgerStand {
  const folder = mkdtempSync(join(tmpdir(), 'oncekey-ledger-'));
  const path = join(folder, 'ledger.db');
  const select: Select = async (text) => {
    const handle = new TestDatabase(path);
    try {
      return handle.prepare(text).all() as Record<string, unknown>[];
    } finally {
      handle.close();
    }
  };
  return stand(root, `sqlite:${path}`, select, async () => rmSync(folder, { recursive: true, force: true }));
}

function stand(root: string, url: string, select: Select, stop: () => Promise<void>): LedgerStand {
  return { root, url, stop, read: () => readBooks(select) };
}

async function readBooks(select: Select): Promise<Books> {
  const [rows, accounts] = await readTables(select);
  const balances = new Map(accounts.map(({ name, balance }) => [String(name), Number(balance)]));
  const lines = new Map(rows.map(({ number, count }) => [Number(number), Number(count)]));
  return { lines, cash: balances.get('cash') ?? 0, sales: balances.get('sales') ?? 0 };
}

async function readTables(select: Select): Promise<[Awaited<ReturnType<Select>>, Awaited<ReturnType<Select>>]> {
  try {
    return [
      await select('SELECT number, count(*) AS count FROM line GROUP BY number'),
      await select('SELECT name, balance FROM account'),
    ];
  } catch (error) {
    // Before the first clerk there are no books.
    if (/line|account/.test(String(error))) return [[], []];
    throw error;
  }
}
