/**
 * A PostgreSQL that is slow, silent, killed, rebuilt or asked by many at once: one grant a
 * key, no acknowledged outcome lost, no connection leaked, and no error that says too little.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { scheduler } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FaultProxy, startFaultProxy } from '../../../../tools/servers/fault-proxy.ts';
import { serverForFile } from '../../../../tools/servers/server-for-file.ts';
import { startPostgres } from '../../../../tools/servers/postgres.ts';
import { skipReason } from '../../../../tools/servers/stores-under-test.ts';
import type { ClaimAsk } from '../../src/core/store.ts';
import { type PostgresPool, type PostgresPoolClient, type PostgresStore, postgres } from '../../src/stores/postgres.ts';
import { answerOf, askFor, idOf, inDatabase, newDatabase } from './postgres/setting.ts';

const workerPath = fileURLToPath(new URL('postgres/worker.js', import.meta.url));
const reason = skipReason('postgres');

function startWorker(task: object): ChildProcess {
  return spawn(process.execPath, [workerPath, JSON.stringify(task)], { stdio: ['ignore', 'pipe', 'inherit'] });
}

async function firstLine(worker: ChildProcess): Promise<string[]> {
  if (worker.stdout === null) throw new Error('the worker has no output');
  const [line] = (await once(createInterface(worker.stdout), 'line')) as [string];
  return JSON.parse(line) as string[];
}

/** The statement that inserts, or that completes: its text travels in the clear. */
const inserting = (bytes: Buffer): boolean => bytes.includes('INSERT INTO');
const completing = (bytes: Buffer): boolean => bytes.includes("state = 'completed'");

describe.skipIf(reason !== undefined)('postgres in trouble', () => {
  const server = serverForFile(() =>
    // No log but that of the statements that are measured; what is acknowledged is on the disk.
    startPostgres({ settings: { wal_level: 'minimal', max_wal_senders: '0', autovacuum: 'off' } }),
  );
  let url: string;
  let proxy: FaultProxy;
  let pool: pg.Pool;
  let store: PostgresStore;

  beforeEach(async () => {
    url = await newDatabase(server().url);
    proxy = await startFaultProxy({ port: server().port });
    pool = new pg.Pool({ connectionString: proxy.through(url), max: 4, connectionTimeoutMillis: 1000 });
    pool.on('error', () => {});
    store = postgres(pool, { statementTimeoutMs: 1500 });
    await store.check();
  });

  afterEach(async () => {
    await store.close();
    await pool.end();
    await proxy.stop();
  });

  const unavailable = { code: 'store_unavailable', retryable: true };

  it('grants one of 500 claims of one key from 4 processes while the index is built anew', async () => {
    const startAtMs = Date.now() + 1500;
    const workers = Array.from({ length: 4 }, () =>
      startWorker({ task: 'claim', url, calls: 125, keys: 1, startAtMs }),
    );
    const claimed = Promise.all(workers.map(firstLine));
    let isOver = false;
    const rebuilding = (async () => {
      while (!isOver) await inDatabase(url, 'REINDEX TABLE CONCURRENTLY oncekey_records');
    })();
    const answers = (await claimed.finally(() => (isOver = true))).flat();
    await rebuilding;
    expect(answers.filter((kind) => kind === 'granted')).toHaveLength(1);
    expect(answers.filter((kind) => kind === 'in-progress')).toHaveLength(499);
  });

  it('grants each of 1000 keys once to two processes that race through them in batches', async () => {
    const task = { task: 'claim', url, calls: 1000, keys: 1000, startAtMs: Date.now() + 1500 };
    const [one = [], other = []] = await Promise.all([startWorker(task), startWorker(task)].map(firstLine));
    const grants = one.map((kind, index) => [kind, other[index]].filter((each) => each === 'granted').length);
    expect(grants).toHaveLength(1000);
    expect(new Set(grants)).toEqual(new Set([1]));
  });

  it('frees the keys of a killed process when its lease is over, not before', async () => {
    const worker = startWorker({ task: 'hang', url, calls: 1, keys: 1, leaseMs: 1500 });
    await firstLine(worker);
    worker.kill('SIGKILL');
    await once(worker, 'exit');
    const early = await store.claim(askFor('key-0'));
    expect(early).toMatchObject({ kind: 'in-progress', attempt: 1 });
    await scheduler.wait(early.kind === 'in-progress' ? early.leaseLeftMs : 0);
    expect(await store.claim(askFor('key-0'))).toMatchObject({ kind: 'granted', attempt: 2 });
  });

  it('loses no acknowledged outcome when the server is killed', async () => {
    const asks = Array.from({ length: 40 }, (_, index) => askFor(`kept-${index}`));
    const acknowledged = new Set<string>();
    const working = asks.map(async (ask) => {
      await store.claim(ask);
      await store.complete({ ...ask, outcome: answerOf(ask.id), retentionMs: null });
      acknowledged.add(ask.id);
    });
    await Promise.race(working);
    await server().kill();
    await Promise.allSettled(working);
    await expect(store.claim(askFor('meanwhile'))).rejects.toMatchObject({
      ...unavailable,
      details: { phase: 'claim' },
    });
    await server().start();
    expect(acknowledged.size).toBeGreaterThan(0);
    for (const id of acknowledged) {
      expect(await store.read(id)).toMatchObject({ state: 'completed', outcome: answerOf(id) });
    }
  });

  it('grants the same attempt again to the token whose claim was answered into the void', async () => {
    const ask = askFor('lost-claim');
    proxy.plan({ kind: 'cut-after', when: inserting });
    await expect(store.claim(ask)).rejects.toMatchObject(unavailable);
    expect(await store.claim(askFor('lost-claim'))).toMatchObject({ kind: 'in-progress', attempt: 1 });
    expect(await store.claim(ask)).toMatchObject({ kind: 'granted', attempt: 1 });
  });

  it('grants a claim that never arrived when it is made again', async () => {
    const ask = askFor('never-arrived');
    proxy.plan({ kind: 'cut-before', when: inserting });
    await expect(store.claim(ask)).rejects.toMatchObject(unavailable);
    expect(await store.claim(ask)).toMatchObject({ kind: 'granted', attempt: 1 });
  });

  it('tells already to the token whose completion was answered into the void', async () => {
    const ask = askFor('lost-completion');
    await store.claim(ask);
    proxy.plan({ kind: 'cut-after', when: completing });
    const complete = { ...ask, outcome: answerOf('once'), retentionMs: null };
    await expect(store.complete(complete)).rejects.toMatchObject({ ...unavailable, details: { phase: 'complete' } });
    expect(await store.complete(complete)).toMatchObject({ kind: 'already' });
    expect(await store.claim(askFor('lost-completion'))).toMatchObject({
      kind: 'completed',
      outcome: answerOf('once'),
    });
  });

  it('gives up on a silent server in time, keeps no connection for it, and serves when it speaks again', async () => {
    // The connection that is there falls silent in the middle of a statement, new ones when they greet.
    proxy.plan({ kind: 'drop', times: 4 });
    const startedMs = performance.now();
    const calls = [
      store.claim(askFor('a')),
      store.read(idOf('b')),
      store.extend(idOf('c'), 't', 1000),
      store.sweep(10),
    ];
    const answers = await Promise.allSettled(calls);
    expect(performance.now() - startedMs).toBeLessThan(5000);
    for (const answer of answers) expect(answer).toMatchObject({ status: 'rejected', reason: unavailable });
    proxy.clear();
    expect(await store.claim(askFor('d'))).toMatchObject({ kind: 'granted' });
    expect(pool.totalCount - pool.idleCount).toBe(0);
    expect(pool.waitingCount).toBe(0);
  });

  it('gives up on a table that somebody else has taken for himself, and serves when he is done', async () => {
    const other = new pg.Client({ connectionString: url });
    await other.connect();
    await other.query('BEGIN; LOCK TABLE oncekey_records IN ACCESS EXCLUSIVE MODE');
    await expect(store.claim(askFor('held'))).rejects.toMatchObject(unavailable);
    await other.query('COMMIT');
    await other.end();
    expect(await store.claim(askFor('free'))).toMatchObject({ kind: 'granted' });
    expect(pool.totalCount - pool.idleCount).toBe(0);
  });

  it('writes no log, takes no row lock and changes no row for a replay', async () => {
    const asks = Array.from({ length: 50 }, (_, index) => askFor(`done-${index}`));
    for (const ask of asks) {
      await store.claim(ask);
      await store.complete({ ...ask, outcome: answerOf('done'), retentionMs: null });
    }
    const position = 'SELECT pg_current_wal_insert_lsn()::text AS at';
    const rows = "SELECT string_agg(ctid || ' ' || xmin || ' ' || xmax, ',' ORDER BY id) AS rows FROM oncekey_records";
    await inDatabase(url, 'VACUUM oncekey_records');
    await inDatabase(url, 'CHECKPOINT');
    const before = [await inDatabase(url, position), await inDatabase(url, rows)];
    for (const one of asks) expect(await store.claim({ ...one, token: 'lone' })).toMatchObject({ kind: 'completed' });
    const together = asks.flatMap((ask) => [store.claim({ ...ask, token: 'x' }), store.claim({ ...ask, token: 'y' })]);
    for (const answer of await Promise.all(together)) expect(answer).toMatchObject({ kind: 'completed' });
    expect([await inDatabase(url, position), await inDatabase(url, rows)]).toEqual(before);
  });

  it('does not fail a call for its neighbours in a batch', async () => {
    const asks = Array.from({ length: 30 }, (_, index) => askFor(`beside-${index}`));
    await Promise.all(asks.map((ask) => store.claim(ask)));
    // PostgreSQL refuses a status of six digits; the statement that has it among others fails as a whole.
    const completed = await Promise.allSettled(
      asks.map((ask, index) =>
        store.complete({ ...ask, outcome: answerOf('x', index === 17 ? 123_456 : 201), retentionMs: null }),
      ),
    );
    expect(completed.map(({ status }) => status)).toEqual(
      asks.map((_, index) => (index === 17 ? 'rejected' : 'fulfilled')),
    );
    await inDatabase(url, `UPDATE oncekey_records SET body = 'other' WHERE key = 'beside-3'`);
    const claimed = await Promise.allSettled(asks.map((ask) => store.claim({ ...ask, token: 'later' })));
    expect(claimed[3]).toMatchObject({ status: 'rejected', reason: { code: 'record_unreadable' } });
    const kinds = claimed.map((each) => (each.status === 'fulfilled' ? each.value.kind : 'rejected'));
    const expected = asks.map((_, index) => (index === 3 ? 'rejected' : index === 17 ? 'in-progress' : 'completed'));
    expect(kinds).toEqual(expected);
  });

  it('does without prepared statements when a pooler has changed the connection behind the client', async () => {
    let discarded = 0;
    const forgetting = {
      totalCount: 0,
      query: (text: string, values: (string | null)[]) => pool.query<Record<string, unknown>>(text, values),
      connect(lent: Parameters<PostgresPool['connect']>[0]) {
        pool.connect((error, client) => {
          if (client === undefined) return lent(error, undefined);
          const query: PostgresPoolClient['query'] = async (asked) => {
            try {
              return { rows: (await client.query<Record<string, unknown>>(asked)).rows };
            } finally {
              await client.query('DISCARD ALL');
              discarded++;
            }
          };
          lent(undefined, { query, release: (destroy) => client.release(destroy) });
        });
      },
    };
    const pooled = postgres(forgetting);
    for (let index = 0; index < 5; index++) {
      const ask = askFor(`forgotten-${index}`);
      expect(await pooled.claim(ask)).toMatchObject({ kind: 'granted', attempt: 1 });
      expect(await pooled.claim({ ...ask, token: 'other' })).toMatchObject({ kind: 'in-progress' });
    }
    expect(discarded).toBeGreaterThan(10);
    await pooled.close();
  });

  it('keeps statements prepared, and no plan of them but that of an INSERT', async () => {
    const one = new pg.Pool({ connectionString: url, max: 1 });
    const kept = postgres(one);
    const keep = async (asks: readonly ClaimAsk[]): Promise<void> => {
      await Promise.all(asks.map((ask) => kept.claim(ask)));
      const outcome = answerOf('kept');
      await Promise.all(asks.map((ask) => kept.complete({ ...ask, outcome, retentionMs: null })));
      await Promise.all(asks.map((ask) => kept.claim({ ...ask, token: 'again' })));
    };
    // Beyond the fifth time PostgreSQL weighs a plan for good against one for each time.
    for (let time = 0; time < 12; time++) {
      await keep([askFor(`kept-${time}`)]);
      await keep(Array.from({ length: 40 }, (_, index) => askFor(`kept-${time}-${index}`)));
    }
    const { rows } = await one.query<{ statement: string; generic: string; custom: string }>(
      `SELECT statement, generic_plans AS generic, custom_plans AS custom FROM pg_prepared_statements
       WHERE name LIKE 'oncekey_%' AND generic_plans + custom_plans > 6`,
    );
    const [steady, anew] = [true, false].map((is) => rows.filter((row) => row.statement.includes('INSERT') === is));
    expect(steady).toHaveLength(2);
    for (const { generic } of steady ?? []) expect(Number(generic)).toBeGreaterThan(0);
    expect(anew?.length).toBeGreaterThanOrEqual(4);
    for (const { generic } of anew ?? []) expect(generic).toBe('0');
    await one.end();
  });

  it('serves where the server is told to keep every plan', async () => {
    const options = '-c plan_cache_mode=force_generic_plan';
    const stubborn = new pg.Pool({ connectionString: url, max: 1, options });
    const told = postgres(stubborn, { statementTimeoutMs: 1000 });
    for (let time = 0; time < 3; time++) {
      const asks = Array.from({ length: 20 }, (_, index) => askFor(`stubborn-${time}-${index}`));
      for (const answer of await Promise.all(asks.map((ask) => told.claim(ask)))) expect(answer.kind).toBe('granted');
      const outcome = answerOf('done');
      const done = await Promise.all(asks.map((ask) => told.complete({ ...ask, outcome, retentionMs: null })));
      for (const answer of done) expect(answer.kind).toBe('stored');
    }
    await stubborn.end();
  });

  it('needs nothing that a transaction pooler would forget', async () => {
    const clients = Array.from({ length: 3 }, () => new pg.Client({ connectionString: url }));
    await Promise.all(clients.map((client) => client.connect()));
    let next = 0;
    // Every statement on another connection, and every connection forgets after each.
    const pooler = {
      async query(text: string, parameters: (string | null)[]) {
        const client = clients[next++ % clients.length] ?? pool;
        const { rows } = await client.query<Record<string, unknown>>(text, parameters);
        await client.query('DISCARD ALL');
        return { rows };
      },
    };
    const pooled = postgres(pooler);
    const ask = askFor('pooled');
    expect(await pooled.claim(ask)).toMatchObject({ kind: 'granted' });
    const step = { name: 'first', bytes: Uint8Array.of(1) };
    expect(await pooled.saveStep(ask.id, ask.token, step)).toEqual({ kind: 'stored' });
    expect(await pooled.extend(ask.id, ask.token, 1000)).toEqual({ kind: 'kept' });
    expect(await pooled.release(ask.id, ask.token, null)).toEqual({ kind: 'released' });
    expect(await pooled.claim(askFor('pooled'))).toMatchObject({ kind: 'granted', attempt: 2, steps: [step] });
    const many = await Promise.all(Array.from({ length: 40 }, (_, index) => pooled.claim(askFor(`pooled-${index}`))));
    expect(new Set(many.map(({ kind }) => kind))).toEqual(new Set(['granted']));
    await pooled.close();
    await Promise.all(clients.map((client) => client.end()));
  });
});
