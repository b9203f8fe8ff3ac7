/** What the tests with a real PostgreSQL share: a database of its own for a case, and the asks. */
import { createHash, randomUUID } from 'node:crypto';
import pg from 'pg';
import type { AnswerOutcome } from '../../../src/core/outcome.ts';
import type { ClaimAsk } from '../../../src/core/store.ts';
import { migrate } from '../../../src/stores/postgres.ts';

let made = 0;

/** A new database with the tables; its URL. */
export async function newDatabase(url: string): Promise<string> {
  const name = `d${process.pid}_${made++}`;
  await inDatabase(url, `CREATE DATABASE ${name}`);
  const own = url.replace(/\/postgres$/, `/${name}`);
  const client = new pg.Client({ connectionString: own });
  await client.connect();
  await migrate(client);
  await client.end();
  return own;
}

/** Runs a text on a connection of its own. */
export async function inDatabase(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const answer = (await client.query<Record<string, unknown>>(text)) as unknown;
    return (Array.isArray(answer) ? (answer as pg.QueryResult[]).at(-1) : (answer as pg.QueryResult))?.rows ?? [];
  } finally {
    await client.end();
  }
}

/** The record id of a key. */
export function idOf(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

/** A claim of this key. */
export function askFor(key: string, over: Partial<ClaimAsk> = {}): ClaimAsk {
  return {
    id: idOf(key),
    token: randomUUID(),
    fingerprint: 't1:same',
    leaseMs: 30_000,
    ifAbandoned: 'rerun',
    keepMs: null,
    labels: { scope: ['shop'], operation: null, key, owner: null, method: null, path: null, eventId: null },
    ...over,
  };
}

/** An answer with this body. */
export function answerOf(text: string, status = 201): AnswerOutcome {
  return { kind: 'answer', status, headers: [['content-type', 'text/plain']], body: new TextEncoder().encode(text) };
}
