/** Atomic mode on a real PostgreSQL through `pg`: effect and outcome, both or neither (I9). */
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startFaultProxy, type FaultProxy } from '../../../../tools/servers/fault-proxy.ts';
import { startPostgres } from '../../../../tools/servers/postgres.ts';
import { serverForFile } from '../../../../tools/servers/server-for-file.ts';
import { type AtomicDatabase, pgDatabase, pgExecutor } from '../../src/atomic/index.ts';
import { createOnce, IdempotencyError } from '../../src/index.ts';
import { migrate, postgres } from '../../src/stores/postgres.ts';

const server = serverForFile(() => startPostgres({ fsync: false }));
let pool: pg.Pool;
let proxy: FaultProxy;
let number = 0;

beforeAll(async () => {
  proxy = await startFaultProxy({ port: server().port });
  pool = new pg.Pool({ connectionString: server().url, max: 20 });
  await migrate(pool);
  await pool.query('CREATE TABLE entry (key text, amount integer)');
});

beforeEach(() => {
  number += 1;
});

afterAll(async () => {
  await pool.end();
  await proxy.stop();
});

const codeOf = (error: unknown): string => (IdempotencyError.is(error) ? error.code : String(error));
const call = () => ({ scope: ['acme'], operation: 'ledger.post', key: `entry-${number}`, input: { amount: 5 } });
const post = async (tx: pg.ClientBase): Promise<{ posted: number }> => {
  await tx.query('INSERT INTO entry VALUES ($1, 5)', [`entry-${number}`]);
  return { posted: 5 };
};
const effects = async (): Promise<number> =>
  (await pool.query('SELECT 1 FROM entry WHERE key = $1', [`entry-${number}`])).rows.length;

describe('atomic', () => {
  test('runs once and replays', async () => {
    const once = createOnce({ store: postgres(pool) });
    const first = await once.atomic(pgDatabase(pool), call(), post);
    const again = await once.atomic(pgDatabase(pool), call(), post);
    expect([first.status, again.status, again.value]).toEqual(['executed', 'replayed', { posted: 5 }]);
    expect(await effects()).toBe(1);
    expect(await once.get(call())).toMatchObject({ state: 'completed', value: { posted: 5 }, attempt: 1 });
  });

  test('leaves nothing behind a throw, and runs again', async () => {
    const once = createOnce({ store: postgres(pool) });
    const failing = once.atomic(pgDatabase(pool), call(), async (tx) => {
      await post(tx);
      throw new Error('the printer is on fire');
    });
    await expect(failing).rejects.toThrow('on fire');
    expect([await effects(), await once.get(call())]).toEqual([0, undefined]);
    expect((await once.atomic(pgDatabase(pool), call(), post)).status).toBe('executed');
  });

  test('a duplicate meanwhile is told at once', async () => {
    const once = createOnce({ store: postgres(pool) });
    let finish = (): void => {};
    const held = new Promise<void>((resolve) => (finish = resolve));
    let begin = (): void => {};
    const begun = new Promise<void>((resolve) => (begin = resolve));
    const first = once.atomic(pgDatabase(pool), call(), async (tx) => {
      begin();
      await held;
      return post(tx);
    });
    await begun;
    const startedMs = performance.now();
    await expect(once.atomic(pgDatabase(pool), call(), post)).rejects.toSatisfy(
      (error) => codeOf(error) === 'in_progress',
    );
    // Who waits does so for 10 s.
    expect(performance.now() - startedMs).toBeLessThan(5000);
    finish();
    expect((await first).status).toBe('executed');
    expect(await effects()).toBe(1);
  });

  test('of 100 at once over 20 connections one runs, and those that wait get its result', async () => {
    const once = createOnce({ store: postgres(pool), inProgress: 'wait' });
    const all = await Promise.all(Array.from({ length: 100 }, () => once.atomic(pgDatabase(pool), call(), post)));
    expect(all.filter((one) => one.status === 'executed')).toHaveLength(1);
    expect(await effects()).toBe(1);
  });

  test('other input under the same key is refused and noted', async () => {
    const once = createOnce({ store: postgres(pool) });
    await once.atomic(pgDatabase(pool), call(), post);
    const other = once.atomic(pgDatabase(pool), { ...call(), input: { amount: 6 } }, post);
    await expect(other).rejects.toSatisfy((error) => codeOf(error) === 'key_reused');
    expect(await once.get(call())).toMatchObject({ conflictCount: 1, value: { posted: 5 } });
  });

  test('a serialisation failure runs again', async () => {
    const once = createOnce({ store: postgres(pool) });
    await pool.query(`INSERT INTO entry VALUES ('counter-${number}', 0)`);
    const database = pgDatabase(pool, { isolation: 'SERIALIZABLE' });
    const add = (key: string) =>
      once.atomic(database, { ...call(), key }, async (tx) => {
        const name = `counter-${number}`;
        const { rows } = await tx.query<{ amount: number }>('SELECT amount FROM entry WHERE key = $1', [name]);
        await tx.query('UPDATE entry SET amount = $2 WHERE key = $1', [name, (rows[0]?.amount ?? 0) + 1]);
        return true;
      });
    await Promise.all([add('a'), add('b'), add('c')].map((one, at) => one.then(() => at)));
    const { rows } = await pool.query(`SELECT amount FROM entry WHERE key = 'counter-${number}'`);
    expect(rows).toEqual([{ amount: 3 }]);
  });

  test('a commit whose reply is lost is resolved by reading', async () => {
    const lossy = new pg.Pool({ connectionString: proxy.through(server().url), max: 2 });
    lossy.on('error', () => undefined);
    const once = createOnce({ store: postgres(pool) });
    const result = await once.atomic(pgDatabase(lossy), call(), async (tx) => {
      const value = await post(tx);
      proxy.plan({ kind: 'cut-after', when: (bytes) => bytes.includes('COMMIT') });
      return value;
    });
    expect(proxy.counters.faults['cut-after']).toBe(1);
    expect([result.status, result.value, await effects()]).toEqual(['executed', { posted: 5 }, 1]);
    await lossy.end();
  });

  test('a commit that takes longer than the client waits is resolved by reading', async () => {
    await pool.query(`CREATE TABLE audit (entry text);
      CREATE FUNCTION audited() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(1); RETURN NULL; END $$;
      CREATE CONSTRAINT TRIGGER audited AFTER INSERT ON audit DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION audited()`);
    const hasty = new pg.Pool({ connectionString: server().url, max: 2, query_timeout: 300 });
    hasty.on('error', () => undefined);
    const once = createOnce({ store: postgres(pool) });
    let runs = 0;
    const result = await once.atomic(pgDatabase(hasty), call(), async (tx) => {
      runs += 1;
      await tx.query("INSERT INTO audit VALUES ('slow')");
      return post(tx);
    });
    expect([result.status, result.value, runs, await effects()]).toEqual(['executed', { posted: 5 }, 1, 1]);
    await hasty.end();
  });

  test('a commit that never arrived runs again', async () => {
    const lossy = new pg.Pool({ connectionString: proxy.through(server().url), max: 2 });
    lossy.on('error', () => undefined);
    const once = createOnce({ store: postgres(pool), inProgress: 'wait' });
    let runs = 0;
    const result = await once.atomic(pgDatabase(lossy), call(), async (tx) => {
      runs += 1;
      const value = await post(tx);
      if (runs === 1) proxy.plan({ kind: 'cut-before', when: (bytes) => bytes.includes('COMMIT') });
      return value;
    });
    expect([result.status, runs, await effects()]).toEqual(['executed', 2, 1]);
    await lossy.end();
  });

  test('costs no round trip more than its work', async () => {
    const counted = new pg.Pool({ connectionString: server().url, max: 1 });
    let sent = 0;
    counted.on('connect', (client) => {
      const query = client.query.bind(client) as (...given: unknown[]) => unknown;
      Object.assign(client, { query: (...given: unknown[]) => [query(...given), (sent += 1)][0] });
    });
    const once = createOnce({ store: postgres(pool) });
    await once.atomic(pgDatabase(counted), call(), post);
    // What begins, the work's own, what commits.
    expect([sent, await effects()]).toEqual([3, 1]);
    await counted.end();
  });

  test('what a wrapper of the database does before and after is inside of the transaction', async () => {
    const once = createOnce({ store: postgres(pool) });
    const inner = pgDatabase(pool);
    let fails = true;
    const wrapped: AtomicDatabase<pg.PoolClient> = {
      isConflict: (error) => inner.isConflict(error),
      transaction: (act) =>
        inner.transaction(async (tx, execute) => {
          await tx.query("SET LOCAL application_name = 'tenant 7'");
          const result = await act(tx, execute);
          if (fails) throw new Error('the auditor is away');
          return result;
        }),
    };
    const work = async (tx: pg.PoolClient) => {
      await post(tx);
      return (await tx.query('SHOW application_name')).rows;
    };
    await expect(once.atomic(wrapped, call(), work)).rejects.toThrow('auditor');
    expect(await effects()).toBe(0);
    fails = false;
    const { value } = await once.atomic(wrapped, call(), work);
    expect([value, await effects()]).toEqual([[{ application_name: 'tenant 7' }], 1]);
  });

  test('what the server refuses at the commit is thrown, and nothing is left', async () => {
    await pool.query('CREATE TABLE seat (number integer UNIQUE DEFERRABLE INITIALLY DEFERRED)');
    const once = createOnce({ store: postgres(pool) });
    let runs = 0;
    const twice = once.atomic(pgDatabase(pool), call(), async (tx) => {
      runs += 1;
      await post(tx);
      await tx.query('INSERT INTO seat VALUES (1), (1)');
    });
    await expect(twice).rejects.toMatchObject({ code: '23505', table: 'seat' });
    expect([runs, await effects(), await once.get(call())]).toEqual([1, 0, undefined]);
  });

  test('a claim outside of any transaction that came meanwhile is not overwritten', async () => {
    const once = createOnce({ store: postgres(pool) });
    let begin = (): void => {};
    const begun = new Promise<void>((resolve) => (begin = resolve));
    const quicker = begun.then(() => once.run(call(), () => 'the other one'));
    const late = once.atomic(pgDatabase(pool), call(), async (tx) => {
      begin();
      await quicker;
      return post(tx);
    });
    await expect(late).rejects.toSatisfy((error) => codeOf(error) === 'in_progress');
    expect([await effects(), (await once.get(call()))?.value]).toEqual([0, 'the other one']);
  });

  test('clients that send ahead are served too', async () => {
    const ahead = new pg.Pool({ connectionString: server().url, max: 2, pipeline: true } as pg.PoolConfig);
    const once = createOnce({ store: postgres(pool) });
    const statuses: string[] = [];
    for (let run = 0; run < 2; run++) statuses.push((await once.atomic(pgDatabase(ahead), call(), post)).status);
    expect([statuses, await effects()]).toEqual([['executed', 'replayed'], 1]);
    await ahead.end();
  });

  test('its statements are kept prepared in the session, and behind a pooler they are not', async () => {
    for (const [isPooled, kept] of [
      // BEGIN, the lock, the look, the record and COMMIT.
      [false, 5],
      [true, 0],
    ] as const) {
      const alone = new pg.Pool({ connectionString: server().url, max: 1 });
      // A pooler names a process of its own.
      if (isPooled) alone.on('connect', (client) => Object.defineProperty(client, 'processID', { value: 1 }));
      const once = createOnce({ store: postgres(pool) });
      for (const one of ['a', 'b'])
        await once.atomic(pgDatabase(alone), { ...call(), key: `${number} ${one} ${kept}` }, post);
      const { rows } = await alone.query("SELECT 1 FROM pg_prepared_statements WHERE name LIKE 'oncekey%'");
      expect(rows).toHaveLength(kept);
      await alone.end();
    }
  });

  test('the plan of the look is made anew before the table can have grown much', async () => {
    const alone = new pg.Pool({ connectionString: server().url, max: 1 });
    const once = createOnce({ store: postgres(pool) });
    for (let run = 0; run < 150; run++)
      await once.atomic(pgDatabase(alone), { ...call(), key: `${number} ${run}` }, post);
    const { rows } = await alone.query<{ uses: number }>(`SELECT (generic_plans + custom_plans)::integer AS uses
      FROM pg_prepared_statements WHERE name LIKE 'oncekey%' ORDER BY uses`);
    // The look; the others have been used by all.
    expect([rows.length, rows[0]?.uses, await effects()]).toEqual([5, expect.toSatisfy((uses) => uses < 100), 150]);
    expect(rows.slice(1).every(({ uses }) => uses > 140)).toBe(true);
    await alone.end();
  });

  test('what somebody has discarded in the session is done without', async () => {
    const alone = new pg.Pool({ connectionString: server().url, max: 1 });
    const once = createOnce({ store: postgres(pool) });
    const run = async (one: string) =>
      (await once.atomic(pgDatabase(alone), { ...call(), key: `${number} ${one}` }, post)).status;
    const statuses = [await run('a'), await run('b')];
    await alone.query('DEALLOCATE ALL');
    for (const one of ['c', 'd', 'e']) statuses.push(await run(one));
    expect([statuses, await effects()]).toEqual([Array.from({ length: 5 }, () => 'executed'), 5]);
    await alone.end();
  });

  test('a first record that is refused leaves the session as it is', async () => {
    const alone = new pg.Pool({ connectionString: server().url, max: 1 });
    const once = createOnce({ store: postgres(pool) });
    let begin = (): void => {};
    const begun = new Promise<void>((resolve) => (begin = resolve));
    const quicker = begun.then(() => once.run({ ...call(), key: `${number} a` }, () => 'the other one'));
    const late = (one: string) =>
      once.atomic(pgDatabase(alone), { ...call(), key: `${number} ${one}` }, async (tx) => {
        begin();
        await quicker;
        return post(tx);
      });
    await expect(late('a')).rejects.toSatisfy((error) => codeOf(error) === 'in_progress');
    expect([(await late('b')).status, (await late('c')).status, await effects()]).toEqual(['executed', 'executed', 2]);
    await alone.end();
  });

  test('a store that has no transactions is refused', async () => {
    const { memory } = await import('../../src/stores/memory.ts');
    const once = createOnce({ store: memory() });
    await expect(once.atomic(pgDatabase(pool), call(), post)).rejects.toThrow(/memory store cannot share/);
  });
});

describe('within', () => {
  test('outside of any transaction is told so, and nothing is stored', async () => {
    const once = createOnce({ store: postgres(pool) });
    const client = await pool.connect();
    // A pool's statements are each a transaction by themselves, too.
    for (const executor of [pgExecutor(client), pgExecutor(client), pgExecutor(pool)]) {
      const outside = once.within(executor, call(), () => 5);
      await expect(outside).rejects.toThrow(/begin a transaction before once\.within/);
    }
    client.release();
    expect(await once.get(call())).toBeUndefined();
  });

  test('shares the fate of the transaction it joins', async () => {
    const once = createOnce({ store: postgres(pool) });
    const client = await pool.connect();
    await client.query('BEGIN');
    await once.within(pgExecutor(client), call(), () => post(client));
    await client.query('ROLLBACK');
    expect([await effects(), await once.get(call())]).toEqual([0, undefined]);
    await client.query('BEGIN');
    expect((await once.within(pgExecutor(client), call(), () => post(client))).status).toBe('executed');
    await client.query('COMMIT');
    await client.query('BEGIN');
    expect((await once.within(pgExecutor(client), call(), () => post(client))).status).toBe('replayed');
    await client.query('COMMIT');
    client.release();
    expect(await effects()).toBe(1);
  });
});
