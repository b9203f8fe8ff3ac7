/** HTTP in atomic mode: what the handler wrote and the answer it gave commit together (I9). */
import express from 'express';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startPostgres } from '../../../../tools/servers/postgres.ts';
import { serverForFile } from '../../../../tools/servers/server-for-file.ts';
import { pgDatabase, transactionsOf } from '../../src/atomic/index.ts';
import { idempotency } from '../../src/http/express.ts';
import { currentWork, type OnceEvent } from '../../src/index.ts';
import { migrate, postgres } from '../../src/stores/postgres.ts';
import { gate, send, serve, type Sent } from '../http/rig.ts';

const server = serverForFile(() => startPostgres({ fsync: false }));
let pool: pg.Pool;
let number = 0;

beforeAll(async () => {
  pool = new pg.Pool({ connectionString: server().url, max: 10 });
  await migrate(pool);
  await pool.query('CREATE TABLE entry (name text, amount integer)');
});

afterAll(() => pool.end());

const effects = async (name: string): Promise<number> =>
  (await pool.query('SELECT 1 FROM entry WHERE name = $1', [name])).rows.length;

const events: OnceEvent[] = [];

/** An app that posts an entry in its request's transaction, then does `then`. */
async function app(then: (response: express.Response) => unknown) {
  number += 1;
  const name = `entry ${number}`;
  const protect = idempotency({
    store: postgres(pool),
    scope: 'public',
    atomic: transactionsOf(pgDatabase(pool)),
    onEvent: (event) => events.push(event),
  });
  const port = await serve(
    express()
      .use(protect)
      .post('/entries', async (_, response) => {
        const tx = currentWork()?.tx as pg.ClientBase;
        await tx.query('INSERT INTO entry VALUES ($1, 5)', [name]);
        await then(response);
      }) as never,
  );
  const ask: Sent = { path: '/entries', key: `key-${number}`, body: '{"amount":5}' };
  return { port, name, ask };
}

test('the answer is replayed, and the effect is there once', async () => {
  const { port, name, ask } = await app((response) => response.status(201).json({ posted: true }));
  const first = await send(port, ask);
  const again = await send(port, ask);
  expect([first.status, again.status, again.header('idempotent-replayed')]).toEqual([201, 201, 'true']);
  expect(again.body.equals(first.body)).toBe(true);
  expect(await effects(name)).toBe(1);
});

test('a 500 and a throw roll back and may run again', async () => {
  let broken = true;
  const { port, name, ask } = await app((response) => {
    if (broken) response.status(500).send('out of paper');
    else response.status(201).send('made');
  });
  expect([(await send(port, ask)).status, await effects(name)]).toEqual([500, 0]);
  broken = false;
  expect([(await send(port, ask)).status, await effects(name)]).toEqual([201, 1]);
});

test('why an answer could not be committed is heard by observers', async () => {
  const { port, name, ask } = await app(async (response) => {
    const tx = currentWork()?.tx as pg.ClientBase;
    await tx.query('SELECT 1 / 0').catch(() => undefined);
    response.status(201).send('made');
  });
  expect([(await send(port, ask)).status, await effects(name)]).toEqual([409, 0]);
  const failed = events.filter(({ kind, labels }) => kind === 'store-failed' && labels.key === ask.key);
  expect(failed).toMatchObject([{ phase: 'complete', error: { code: '25P02' } }]);
});

test('the outcome is committed before the last byte of the answer goes', async () => {
  const { port, name, ask } = await app((response) => response.status(201).send('made'));
  const reply = await send(port, ask);
  // The answer is here: so is what it speaks of.
  expect([reply.status, await effects(name)]).toEqual([201, 1]);
});

test('a duplicate meanwhile is refused at once', async () => {
  const { opened, open } = gate();
  const entered = gate();
  const { port, name, ask } = await app(async (response) => {
    entered.open();
    await opened;
    response.status(201).send('made');
  });
  const first = send(port, ask);
  await entered.opened;
  const meanwhile = await send(port, ask);
  open();
  expect([meanwhile.status, (await first).status, await effects(name)]).toEqual([409, 201, 1]);
});

test('another body under the same key is refused and changes nothing', async () => {
  const { port, name, ask } = await app((response) => response.status(201).send('made'));
  await send(port, ask);
  expect((await send(port, { ...ask, body: '{"amount":6}' })).status).toBe(422);
  expect(await effects(name)).toBe(1);
});

test('a database that is gone is a 503, and nothing ran', async () => {
  const gone = new pg.Pool({ connectionString: 'postgres://postgres@127.0.0.1:1/postgres' });
  const protect = idempotency({ store: postgres(gone), scope: 'public', atomic: transactionsOf(pgDatabase(gone)) });
  let runs = 0;
  const port = await serve(
    express()
      .use(protect)
      .post('/', (_, response) => void response.send(String((runs += 1)))) as never,
  );
  expect([(await send(port, { key: 'k', body: '{}' })).status, runs]).toEqual([503, 0]);
  await gone.end();
});
