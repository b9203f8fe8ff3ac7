/**
 * Many connections and processes on one server: one grant a key, no deadlock reaches a caller, a reply that is lost is
 * resolved by asking again, and what was acknowledged is there after the server was killed.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { type FaultProxy, startFaultProxy } from '../../../../tools/servers/fault-proxy.ts';
import { storesUnderTest } from '../../../../tools/servers/stores-under-test.ts';
import { waitUntil } from '../../../../tools/servers/wait-until.ts';
import { run } from '../../src/stores/mysql/client.ts';
import { type MysqlRunner, type MysqlStore, migrate, mysql } from '../../src/stores/mysql.ts';
import { answerOf, askFor, counts } from './mysql/asks.ts';
import { type ClientName, mysqlServer } from './mysql/pools.ts';

const workerPath = fileURLToPath(new URL('mysql/worker.js', import.meta.url));
const runFile = promisify(execFile);
const clients: readonly ClientName[] = ['mysql2', 'mariadb'];

describe.runIf(storesUnderTest(['mysql']).length > 0)('mysql', () => {
  const { server, pool } = mysqlServer({ flushLogAtCommit: 1 });
  beforeAll(async () => {
    await migrate(pool('mysql2'));
  });

  /** Stores with pools of their own: as many as there might be processes. */
  function stores(count: number): MysqlStore[] {
    return Array.from({ length: count }, (_, index) => mysql(pool(clients[index % 2] ?? 'mysql2')));
  }

  function aStore(): MysqlStore {
    return mysql(pool('mysql2'));
  }

  it('grants one of 500 claims of one key over ten pools', async () => {
    const some = stores(10);
    const ask = askFor('storm');
    const rivals = some.flatMap((store) => Array.from({ length: 50 }, () => store));
    const answers = await Promise.all(rivals.map((store, index) => store.claim({ ...ask, token: `token-${index}` })));
    expect(counts(answers)).toEqual({ granted: 1, 'in-progress': 499 });
  });

  it('grants each key once to four processes that claim it five times each', async () => {
    const keys = 25;
    const task = { port: server().port, keys, each: 5, startAtMs: Date.now() + 1500 };
    const outputs = await Promise.all(
      Array.from({ length: 4 }, () => runFile(process.execPath, [workerPath, JSON.stringify(task)])),
    );
    const answers = outputs.flatMap(({ stdout }) => (JSON.parse(stdout) as string[]).map((kind, at) => ({ kind, at })));
    expect(answers).toHaveLength(500);
    const granted = answers.filter(({ kind }) => kind === 'granted').map(({ at }) => at % keys);
    expect(granted.toSorted((a, b) => a - b)).toEqual(Array.from({ length: keys }, (_, key) => key));
  });

  it('claims, completes and sweeps the same records from all sides without an error', async () => {
    const some = stores(6);
    const round = async (store: MysqlStore, turn: number): Promise<void> => {
      const asks = Array.from({ length: 60 }, (_, key) => askFor(`busy-${(key * (turn + 1)) % 60}`, { keepMs: 0 }));
      const answers = await Promise.all(asks.map((ask) => store.claim(ask)));
      await Promise.all(
        asks.map(async ({ id, token }, at) => {
          if (answers[at]?.kind !== 'granted') return;
          await store.note([{ id, kind: 'replay', count: 1 }]);
          await store.complete({ id, token, outcome: answerOf('done'), retentionMs: turn % 2 });
        }),
      );
      await store.sweep(1000);
    };
    for (let turn = 0; turn < 5; turn++) await Promise.all(some.map((store) => round(store, turn)));
    expect(await some[0]?.list({ keyPrefix: 'busy-', state: 'in-progress', limit: 100 })).toMatchObject({
      records: [],
    });
  });

  it('tells who watches a record what another process did to it', async () => {
    const [here, elsewhere] = [aStore(), aStore()];
    const ask = askFor('watched');
    await elsewhere.claim(ask);
    let told = 0;
    const end = here.watch(ask.id, () => told++);
    expect(await elsewhere.complete({ ...ask, outcome: answerOf('seen'), retentionMs: null })).toMatchObject({
      kind: 'stored',
    });
    await waitUntil('the watcher is told', () => told > 0, { deadlineMs: 5000 });
    end();
  });

  it('renews leases while thousands of claims wait', async () => {
    const store = aStore();
    const ask = askFor('beating');
    await store.claim(ask);
    let answered = 0;
    const claims = Array.from({ length: 4000 }, async (_, key) => {
      await store.claim(askFor(`crowd-${key}`));
      answered++;
    });
    expect(await store.extend(ask.id, ask.token, 30_000)).toEqual({ kind: 'kept' });
    expect(answered).toBeLessThan(4000);
    await Promise.all(claims);
  });

  it('tries again what the server broke off as a deadlock', async () => {
    const store = aStore();
    const ids = [askFor('dead-a'), askFor('dead-b')].toSorted((a, b) => (a.id < b.id ? -1 : 1));
    for (const ask of ids) await store.claim(ask);
    const [low, high] = ids.map(({ id }) => Buffer.from(id, 'hex'));
    const before = await deadlocks();
    const rival = await pool('mysql2').getConnection();
    const lock = 'UPDATE oncekey_records SET last_seen_at_us = last_seen_at_us + 1 WHERE id = ?';
    await run(rival, { sql: 'START TRANSACTION' });
    // Heavy enough that the server breaks off the other one.
    await run(rival, {
      sql: `INSERT INTO oncekey_records SELECT NULL, REVERSE(id), state, attempt, revision, token,
      fingerprint, lease_end_us, keep_us, expires_at_us, first_seen_at_us, last_seen_at_us, completed_at_us, replay_count,
      conflict_count, scope, operation, \`key\`, owner, method, path, event_id, conflict_fingerprints, timeline, steps,
      outcome_kind, outcome_crc32, outcome_head, outcome_body FROM oncekey_records LIMIT 20`,
    });
    await run(rival, { sql: lock, values: [high ?? null] });
    // The notes lock the lower id first, then wait for the rival, who then asks for the lower one.
    const noted = store.note(ids.map(({ id }) => ({ id, kind: 'replay', count: 1 })));
    // The server looks at its transactions at most ten times a second, and asking in between puts that off.
    await waitUntil('the notes wait for a lock', async () => (await transactionsThatWait(rival)) === 1, {
      everyMs: 150,
    });
    await run(rival, { sql: lock, values: [low ?? null] });
    await run(rival, { sql: 'ROLLBACK' });
    await rival.release();
    await noted;
    expect(await deadlocks()).toBeGreaterThan(before);
    for (const { id } of ids) expect(await store.read(id)).toMatchObject({ replayCount: 1 });
  });

  async function transactionsThatWait(runner: MysqlRunner): Promise<number> {
    const sql = "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'";
    return Number((await run(runner, { sql })).rows[0]?.[0]);
  }

  async function deadlocks(): Promise<number> {
    const { rows } = await run(pool('mysql2'), { sql: "SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'" });
    return Number(rows[0]?.[1]);
  }

  describe.each(clients)('when a reply is lost, through %s', (client) => {
    let proxy: FaultProxy;
    /** Stays up behind its test: `mariadb` has the server kill what hangs, and a failure of that would be nobody's. */
    let silent: FaultProxy;
    let store: MysqlStore;
    beforeAll(async () => {
      [proxy, silent] = [
        await startFaultProxy({ port: server().port }),
        await startFaultProxy({ port: server().port }),
      ];
      store = mysql(pool(client, { port: proxy.port, connectionLimit: 4 }));
      await store.check();
      return async () => {
        await proxy.stop();
        await silent.stop();
      };
    });

    it('the claim that was granted is granted again to its token, as the same attempt', async () => {
      const ask = askFor(`lost-claim-${client}`);
      proxy.plan({ kind: 'cut-after', when: (bytes) => bytes.includes(ask.token) });
      await expect(store.claim(ask)).rejects.toMatchObject({ code: 'store_unavailable', details: { phase: 'claim' } });
      expect(proxy.counters.faults['cut-after']).toBe(1);
      expect(await store.claim({ ...ask, token: 'another' })).toMatchObject({ kind: 'in-progress' });
      expect(await store.claim(ask)).toEqual({ kind: 'granted', attempt: 1, steps: [] });
    });

    it('the completion that was stored is told as already stored', async () => {
      const ask = askFor(`lost-complete-${client}`);
      await store.claim(ask);
      const completion = { ...ask, outcome: answerOf('first'), retentionMs: null };
      proxy.plan({ kind: 'cut-after', when: (bytes) => bytes.includes(ask.token) });
      await expect(store.complete(completion)).rejects.toMatchObject({ code: 'store_unavailable' });
      expect(await store.complete({ ...completion, outcome: answerOf('second') })).toMatchObject({ kind: 'already' });
      expect(await store.claim({ ...ask, token: 'another' })).toMatchObject({ outcome: answerOf('first') });
    });

    it('the claim that never arrived is free', async () => {
      const ask = askFor(`lost-before-${client}`);
      proxy.plan({ kind: 'cut-before', when: (bytes) => bytes.includes(ask.token) });
      await expect(store.claim(ask)).rejects.toMatchObject({ code: 'store_unavailable' });
      expect(await store.claim({ ...ask, token: 'another' })).toMatchObject({ kind: 'granted', attempt: 1 });
    });

    it('a connection that falls silent is given up, and the next call gets another', async () => {
      const hasty = mysql(pool(client, { port: silent.port, connectionLimit: 1 }), { statementTimeoutMs: 300 });
      await hasty.check();
      const ask = askFor(`silent-${client}`);
      silent.plan({ kind: 'drop', when: (bytes) => bytes.includes(ask.token) });
      await expect(hasty.claim(ask)).rejects.toMatchObject({
        code: 'store_unavailable',
        message: expect.stringContaining('no answer within 300 ms') as string,
      });
      expect(await hasty.claim(ask)).toMatchObject({ kind: 'granted' });
    });

    it('while the server is away calls fail as unavailable, and work again when it is back', async () => {
      await proxy.down();
      await expect(store.claim(askFor(`away-${client}`))).rejects.toMatchObject({ code: 'store_unavailable' });
      await proxy.up();
      // A pool may hand out a dead connection before it notices.
      await waitUntil('a claim is granted', async () => {
        const answer = await store.claim(askFor(`away-${client}`)).catch((error: unknown) => error);
        return (answer as { kind?: string }).kind === 'granted';
      });
    });
  });

  it('keeps every completion that it acknowledged when the server is killed', async () => {
    const store = aStore();
    const acknowledged: { readonly id: string; readonly text: string }[] = [];
    let isUp = true;
    const worker = async (name: number): Promise<void> => {
      for (let turn = 0; isUp; turn++) {
        const text = `kill-${name}-${turn}`;
        const ask = askFor(text);
        try {
          await store.claim(ask);
          await store.complete({ ...ask, outcome: answerOf(text), retentionMs: null });
          acknowledged.push({ id: ask.id, text });
        } catch (error) {
          if (isUp) throw error;
        }
      }
    };
    const workers = Promise.all(Array.from({ length: 16 }, (_, name) => worker(name)));
    await waitUntil('there is something to lose', () => acknowledged.length > 200);
    isUp = false;
    await server().restart();
    await workers;
    const after = aStore();
    for (const { id, text } of acknowledged) {
      expect(await after.read(id)).toMatchObject({ state: 'completed', outcome: answerOf(text) });
    }
  });
});
