/** Who waits for a record hears of another process's change: by notices where a connection listens, by polling where none does or it is lost. */
import pg from 'pg';
import postgresTag from 'postgres';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { serverForFile } from '../../../../tools/servers/server-for-file.ts';
import { startPostgres } from '../../../../tools/servers/postgres.ts';
import { skipReason } from '../../../../tools/servers/stores-under-test.ts';
import { waitUntil } from '../../../../tools/servers/wait-until.ts';
import { type PostgresListener, postgres } from '../../src/stores/postgres.ts';
import { answerOf, askFor, newDatabase } from './postgres/setting.ts';

const reason = skipReason('postgres');

describe.skipIf(reason !== undefined)('watching on PostgreSQL', () => {
  const server = serverForFile(() => startPostgres({ fsync: false }));
  let pool: pg.Pool;
  let listening: pg.Client;
  let tag: postgresTag.Sql;
  let statements: string[];

  beforeEach(async () => {
    const url = await newDatabase(server().url);
    pool = new pg.Pool({ connectionString: url });
    listening = new pg.Client({ connectionString: url });
    listening.on('error', () => {});
    await listening.connect();
    tag = postgresTag(url, { max: 1 });
    statements = [];
  });

  afterEach(async () => {
    await listening.end();
    await Promise.all([tag.end(), pool.end()]);
  });

  /** A pool that remembers what was asked of it. */
  const remembering = () => ({
    async query(text: string, parameters: (string | null)[]) {
      statements.push(text);
      return { rows: (await pool.query<Record<string, unknown>>(text, parameters)).rows };
    },
  });

  /** Watches in one store what another one completes; how often it was told. */
  async function hears(
    listener: PostgresListener | undefined,
    act: () => Promise<void> = async () => {},
  ): Promise<number> {
    const options = listener === undefined ? {} : { listener };
    const [waiter, owner] = [postgres(remembering(), options), postgres(pool, { ...options })];
    const ask = askFor('watched');
    await owner.claim(ask);
    let told = 0;
    const end = waiter.watch(ask.id, () => told++);
    await waitUntil('it watches', () => statements.some((text) => text.includes('r.revision')));
    await act();
    await owner.complete({ ...ask, outcome: answerOf('done'), retentionMs: null });
    await waitUntil('it is told', () => told > 0);
    end();
    await Promise.all([waiter.close(), owner.close()]);
    return told;
  }

  it('polls without a listener', async () => {
    expect(await hears(undefined)).toBeGreaterThan(0);
  });

  it.each([
    ['pg', () => listening],
    ['postgres', () => tag],
  ] as const)('is told by %s', async (_name, listener) => {
    const quiet = async (): Promise<void> => {
      // It polls until it hears; then it does not ask any more.
      let before = -1;
      await waitUntil(
        'it polls no more',
        () => {
          const same = before === statements.length;
          before = statements.length;
          return same;
        },
        { everyMs: 600 },
      );
    };
    expect(await hears(listener(), quiet)).toBeGreaterThan(0);
  });

  it('polls again when the connection that listened is gone', async () => {
    const losing = async (): Promise<void> => {
      await pool.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'`);
    };
    expect(await hears(listening, losing)).toBeGreaterThan(0);
  });
});
