/** Files that cannot be used are told apart from files without the record (RELIABILITY check 10), and handles are left as found. */
import { mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import { describe, expect, it } from 'vitest';
import type { IdempotencyError } from '../../src/core/errors.ts';
import type { ClaimAnswer, ClaimAsk } from '../../src/core/store.ts';
import { migrate, schema, sqlite } from '../../src/stores/sqlite.ts';
import { answerOf, askFor, testFolder } from './sqlite/folder.ts';

const newPath = testFolder();

/** A closed file with 200 completed records. */
async function filledFile(): Promise<string> {
  const path = newPath();
  const store = sqlite(path);
  await Promise.all(
    Array.from({ length: 200 }, async (_, index) => {
      const ask = askFor(`key-${index}`);
      await store.claim(ask);
      await store.complete({ ...ask, outcome: answerOf(`answer ${index}`.repeat(20)), retentionMs: null });
    }),
  );
  await store.close();
  return path;
}

async function answerOrCode(claimed: Promise<ClaimAnswer>): Promise<string> {
  try {
    return (await claimed).kind;
  } catch (error) {
    return (error as IdempotencyError).code;
  }
}

describe('a file that cannot be used', () => {
  it('is not a database', async () => {
    const path = newPath();
    mkdirSync(dirname(path));
    writeFileSync(path, 'not a database, though long enough to be read as one. '.repeat(100));
    await expect(sqlite(path).check()).rejects.toMatchObject({
      code: 'store_unusable',
      message: expect.stringMatching(/not a SQLite/) as string,
    });
  });

  it('has a newer schema: both versions are named', async () => {
    const path = await filledFile();
    const db = new DatabaseSync(path);
    db.exec('UPDATE oncekey_schema SET version = 7');
    db.close();
    await expect(sqlite(path).claim(askFor('k'))).rejects.toMatchObject({
      code: 'store_unusable',
      message: expect.stringMatching(/7.*1/) as string,
    });
  });

  it('has a file where its folder should be', async () => {
    const path = newPath();
    mkdirSync(dirname(path));
    writeFileSync(path, '');
    await expect(sqlite(`${path}/below/records.db`).check()).rejects.toMatchObject({ code: 'store_unusable' });
  });

  it.skipIf(process.platform !== 'linux')(
    'lies in a folder where none can be made, though mkdir says so strangely',
    async () => {
      await expect(sqlite('/proc/none/records.db').check()).rejects.toMatchObject({
        code: 'store_unusable',
        message: expect.stringMatching(/\/proc\/none/) as string,
      });
    },
  );

  it('is a folder', async () => {
    const path = newPath();
    mkdirSync(path, { recursive: true });
    await expect(sqlite(path).check()).rejects.toMatchObject({ code: 'store_unusable' });
  });

  it('is open for reading only', async () => {
    const path = await filledFile();
    const store = sqlite(new DatabaseSync(path, { readOnly: true }));
    await expect(store.check()).rejects.toMatchObject({
      code: 'store_unusable',
      message: expect.stringMatching(/read-only/) as string,
    });
    expect(await store.claim(askFor('key-1'))).toMatchObject({ kind: 'completed' });
  });

  it('was cut: every answer is the first one or an error, never a grant', async () => {
    const path = await filledFile();
    const size = statSync(path).size;
    truncateSync(path, Math.floor(size / 2 / 4096) * 4096);
    const store = sqlite(path);
    const keys = Array.from({ length: 200 }, (_, index) => `key-${index}`);
    const answers = await Promise.all(keys.map(async (key) => answerOrCode(store.claim(askFor(key)))));
    expect(answers).toContain('store_unusable');
    expect(answers.filter((answer) => answer !== 'completed' && answer !== 'store_unusable')).toEqual([]);
    await store.close().catch(() => undefined);
  });

  it('was emptied or lost while its log stayed', async () => {
    const path = newPath();
    mkdirSync(dirname(path));
    writeFileSync(`${path}-wal`, 'the log of a database that is gone');
    await expect(sqlite(path).check()).rejects.toMatchObject({
      code: 'store_unusable',
      message: expect.stringMatching(/-wal/) as string,
    });
  });

  it('has another body than was stored', async () => {
    const path = await filledFile();
    const bytes = readFileSync(path);
    const text = 'answer 77'.repeat(20);
    // Every copy: unused space of a page may hold older ones.
    for (let at = bytes.indexOf(text); at !== -1; at = bytes.indexOf(text)) bytes.write('A', at + 45);
    writeFileSync(path, bytes);
    const store = sqlite(path);
    await expect(store.claim(askFor('key-77'))).rejects.toMatchObject({ code: 'record_unreadable' });
    expect(await store.claim(askFor('key-78'))).toMatchObject({ kind: 'completed' });
    expect(await store.erase(askFor('key-77').id, null)).toEqual({ kind: 'erased' });
    await store.close();
  });
});

describe("the user's handle", () => {
  it('is refused while a transaction is open, at each call', async () => {
    const db = new DatabaseSync(':memory:');
    const store = sqlite(db);
    await store.claim(askFor('before'));
    db.exec('BEGIN');
    await expect(store.claim(askFor('k'))).rejects.toMatchObject({
      code: 'store_unusable',
      message: expect.stringMatching(/transaction/) as string,
    });
    db.exec('COMMIT');
    expect(await store.claim(askFor('k'))).toMatchObject({ kind: 'granted' });
  });

  it('is refused when the transaction was opened after the call', async () => {
    const db = new DatabaseSync(':memory:');
    const store = sqlite(db);
    const claimed = store.claim(askFor('k'));
    db.exec('BEGIN');
    await expect(claimed).rejects.toMatchObject({
      code: 'store_unusable',
      message: expect.stringMatching(/transaction/) as string,
    });
    db.exec('COMMIT');
  });

  it('keeps its busy timeout and stays open', async () => {
    const db = new DatabaseSync(':memory:');
    db.exec('PRAGMA busy_timeout = 1234');
    const store = sqlite(db);
    await store.claim(askFor('k'));
    await store.close();
    expect(db.prepare('PRAGMA busy_timeout').get()).toEqual({ timeout: 1234 });
    await expect(store.claim(askFor('k'))).rejects.toMatchObject({
      code: 'store_unusable',
      message: expect.stringMatching(/closed/) as string,
    });
  });

  it('is migrated by hand, up and down, also inside a transaction', async () => {
    const db = new DatabaseSync(':memory:');
    db.exec('BEGIN');
    migrate(db);
    db.exec('COMMIT');
    migrate(db);
    expect(await sqlite(db).claim(askFor('k'))).toMatchObject({ kind: 'granted' });
    db.exec(schema.down);
    expect(db.prepare('SELECT name FROM sqlite_master').all()).toEqual([]);
  });
});

describe('the tables', () => {
  it('cannot hold a record in progress with an outcome, or a completed one without', async () => {
    const db = new DatabaseSync(':memory:');
    await sqlite(db).claim(askFor('k'));
    expect(() => db.exec("UPDATE oncekey_records SET outcome_kind = 'failure'")).toThrow(/CHECK/);
    expect(() => db.exec("UPDATE oncekey_records SET state = 'completed', lease_end_ms = NULL")).toThrow(/CHECK/);
  });
});

describe('calls of one tick', () => {
  it('keep their order for a record', async () => {
    const store = sqlite(newPath());
    const ask = askFor('k');
    const [first, second, stored, replay, read] = await Promise.all([
      store.claim(ask),
      store.claim(askFor('k')),
      store.complete({ ...ask, outcome: answerOf('x'), retentionMs: null }),
      store.claim(askFor('k')),
      store.read(ask.id),
    ]);
    expect(first.kind).toBe('granted');
    expect(second.kind).toBe('in-progress');
    expect(stored.kind).toBe('stored');
    expect(replay.kind).toBe('completed');
    expect(read?.state).toBe('completed');
    await store.close();
  });

  it('fail alone when one of them cannot be written', async () => {
    const store = sqlite(newPath());
    const results = await Promise.allSettled([
      store.claim(askFor('a')),
      store.claim({ ...askFor('b'), id: 'abcd' }),
      store.claim(askFor('c')),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    await store.close();
  });

  it('wait for no other writer where reading answers them, also after many new keys', async () => {
    const path = newPath();
    const store = sqlite(path);
    const asks = Array.from({ length: 200 }, (_, index) => askFor(`key-${index}`));
    await Promise.all(asks.map((ask) => store.claim(ask)));
    const [first, second] = asks as [ClaimAsk, ClaimAsk];
    await store.complete({ ...first, outcome: answerOf('x'), retentionMs: null });
    const other = new DatabaseSync(path);
    other.exec('BEGIN IMMEDIATE');
    const claims = [first, second, askFor('new')].map(({ labels }) => store.claim(askFor(labels.key)));
    expect(await Promise.all(claims.slice(0, 2))).toMatchObject([{ kind: 'completed' }, { kind: 'in-progress' }]);
    other.exec('ROLLBACK');
    other.close();
    expect(await claims[2]).toMatchObject({ kind: 'granted' });
    await store.close();
  });

  it('are finished by close', async () => {
    const path = newPath();
    const store = sqlite(path);
    const claimed = store.claim(askFor('k'));
    await store.close();
    expect(await claimed).toMatchObject({ kind: 'granted' });
    const again = sqlite(path);
    expect(await again.claim(askFor('k'))).toMatchObject({ kind: 'in-progress' });
    await again.close();
  });
});

describe('options', () => {
  it('are checked at construction', () => {
    expect(() => sqlite(':memory:')).toThrow(TypeError);
    expect(() => sqlite({} as never)).toThrow(TypeError);
    expect(() => sqlite('x.db', { synchronous: 'off' as never })).toThrow(/synchronous/);
    expect(() => sqlite('x.db', { busyTimeoutMs: -1 })).toThrow(/busyTimeoutMs/);
  });
});
