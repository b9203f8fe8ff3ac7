/**
 * A server whose every setting is as unhelpful as may be (sql_mode, time zone, character set, isolation, small packets)
 * passes the whole contract; and what the store cannot work with is refused, naming what to do.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { storesUnderTest } from '../../../../tools/servers/stores-under-test.ts';
import { run } from '../../src/stores/mysql/client.ts';
import { type MysqlPool, migrate, mysql, schema, schemaFor } from '../../src/stores/mysql.ts';
import { createOnce } from '../../src/operations/once.ts';
import { storeContract } from '../../src/testing/store-contract.ts';
import { answerOf, askFor, idOf } from './mysql/asks.ts';
import { mysqlServer } from './mysql/pools.ts';

const unhelpful = {
  'sql-mode': 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT,PAD_CHAR_TO_FULL_LENGTH,REAL_AS_FLOAT,IGNORE_SPACE',
  'default-time-zone': '+05:45',
  'transaction-isolation': 'SERIALIZABLE',
  'character-set-server': 'latin1',
  'collation-server': 'latin1_german1_ci',
  'max-allowed-packet': '1M',
};

describe.runIf(storesUnderTest(['mysql']).length > 0)('mysql on a server of unhelpful settings', () => {
  const { pool } = mysqlServer({ flushLogAtCommit: 0, settings: unhelpful });
  let own: MysqlPool;
  beforeAll(async () => {
    own = pool('mysql2', { connectionLimit: 20 });
    await migrate(own);
  });
  const sql = (text: string, values?: (string | number | Uint8Array | null)[]) =>
    run(own, values === undefined ? { sql: text } : { sql: text, values });

  const open = async () => {
    const store = mysql(own);
    return { store, close: () => store.close() };
  };
  it.concurrent.each(storeContract(open))('$id: $name', async (contractCase) => {
    expect(await contractCase.run()).toEqual({ kind: 'passed' });
  });

  it('gives back labels, steps and bytes as they came, whatever they hold', async () => {
    const store = mysql(own);
    const text = `a'b"c\\d\0e\n%_|' OR 1=1 -- ünï 😀 \u{10FFFF} `;
    const all = Uint8Array.from({ length: 512 }, (_, index) => index & 255);
    const labels = {
      scope: [text, ''],
      operation: text,
      key: text,
      owner: text,
      method: text,
      path: text,
      eventId: text,
    };
    const asks = Array.from({ length: 40 }, (_, index) => askFor(`odd-${index}`, { labels, fingerprint: 'x:\\' }));
    await Promise.all(asks.map((ask) => store.claim(ask)));
    await Promise.all(asks.map(({ id, token }) => store.saveStep(id, token, { name: text, bytes: all })));
    for (const record of await Promise.all(asks.map(({ id }) => store.read(id)))) {
      expect(record).toMatchObject({ labels, fingerprint: 'x:\\', steps: [{ name: text, bytes: all }] });
    }
    await Promise.all(asks.map((ask) => store.complete({ ...ask, outcome: answerOf(all), retentionMs: 1 })));
    expect(await store.list({ key: `${text} `, limit: 1 })).toMatchObject({ records: [] });
  });

  it('tells what a body too large for a packet is, and its neighbours are stored', async () => {
    const store = mysql(own);
    const asks = Array.from({ length: 30 }, (_, index) => askFor(`large-${index}`));
    await Promise.all(asks.map((ask) => store.claim(ask)));
    const bodies = asks.map((_, index) => new Uint8Array(index === 7 ? 1_100_000 : 300_000).fill(index));
    const settled = await Promise.allSettled(
      asks.map((ask, index) => store.complete({ ...ask, outcome: answerOf(bodies[index] ?? ''), retentionMs: 60_000 })),
    );
    expect(settled.map(({ status }) => status)).toEqual(
      asks.map((_, index) => (index === 7 ? 'rejected' : 'fulfilled')),
    );
    expect(settled[7]).toMatchObject({ reason: { code: 'outcome_too_large', details: { limitBytes: 1024 * 1024 } } });
    expect(await store.read(idOf('large-8'))).toMatchObject({ outcome: answerOf(bodies[8] ?? '') });
  });

  it('keeps word of an outcome too large for a packet: its work is not tried for ever, and does not run again', async () => {
    const store = mysql(own);
    const ask = askFor('too-large');
    await store.claim(ask);
    const completion = { ...ask, outcome: answerOf(new Uint8Array(1_100_000)), retentionMs: 60_000 };
    await expect(store.complete(completion)).rejects.toMatchObject({ code: 'outcome_too_large' });
    expect(await store.complete(completion)).toMatchObject({ kind: 'already' });
    const word = { kind: 'not-kept', reason: 'oversize', status: answerOf('').status };
    expect(await store.read(ask.id)).toMatchObject({ state: 'completed', outcome: word });

    const once = createOnce({ store, maxOutcomeBytes: 4_000_000 });
    const call = { scope: ['acme'], key: 'too-large' };
    expect((await once.run(call, () => 'x'.repeat(1_100_000))).value).toHaveLength(1_100_000);
    await once.close();
    await expect(once.run(call, () => 'again')).rejects.toMatchObject({
      code: 'outcome_not_kept',
      details: { reason: 'oversize' },
    });
    const claimed = await once.claim({ ...call, key: 'by token', expiresInMs: 60_000 });
    if (claimed.outcome !== 'granted') throw new Error(claimed.outcome);
    const late = once.complete({ ...call, key: 'by token', token: claimed.token, value: 'x'.repeat(1_100_000) });
    await expect(late).rejects.toMatchObject({ code: 'outcome_too_large' });
    expect(await once.claim({ ...call, key: 'by token' })).toMatchObject({ outcome: 'not-kept', reason: 'oversize' });
  });

  it('refuses steps that together exceed a packet, and keeps those before', async () => {
    const store = mysql(own);
    const { id, token } = askFor('steps');
    await store.claim({ ...askFor('steps'), token });
    const step = (name: string) => ({ name, bytes: new Uint8Array(400_000).fill(7) });
    await store.saveStep(id, token, step('one'));
    await store.saveStep(id, token, step('two'));
    await expect(store.saveStep(id, token, step('three'))).rejects.toMatchObject({ code: 'outcome_too_large' });
    expect((await store.read(id))?.steps.map(({ name }) => name)).toEqual(['one', 'two']);
  });

  describe('a record that cannot be trusted', () => {
    it.each([
      ['of a state of a newer program', "state = 'erased', outcome_kind = 'hologram'"],
      ['with another body', "outcome_body = x'00'"],
      ['with a broken head', "outcome_head = '{'"],
    ])('%s fails closed, alone', async (what, change) => {
      const store = mysql(own);
      const [bad, good] = [askFor(`bad ${what}`), askFor(`good ${what}`)];
      for (const ask of [bad, good]) {
        await store.claim(ask);
        await store.complete({ ...ask, outcome: answerOf('fine'), retentionMs: null });
      }
      await sql(`UPDATE oncekey_records SET ${change} WHERE id = ?`, [Buffer.from(bad.id, 'hex')]);
      const fresh = () => ({ token: `token-${Math.random()}` });
      const many = await Promise.allSettled([bad, good, bad, good].map((ask) => store.claim({ ...ask, ...fresh() })));
      expect(many.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'rejected', 'fulfilled']);
      expect(many[0]).toMatchObject({ reason: { code: 'record_unreadable' } });
      await expect(store.read(bad.id)).rejects.toMatchObject({ code: 'record_unreadable' });
      expect(await store.erase(bad.id, null)).toEqual({ kind: 'erased' });
      expect(await store.claim({ ...bad, ...fresh() })).toMatchObject({ kind: 'completed' });
    });
  });

  describe('the table', () => {
    it('cannot hold half a record', async () => {
      const { id, token } = askFor('half');
      await mysql(own).claim({ ...askFor('half'), token });
      const of = [Buffer.from(id, 'hex')];
      await expect(sql("UPDATE oncekey_records SET state = 'completed' WHERE id = ?", of)).rejects.toThrow(
        'CONSTRAINT',
      );
      await expect(sql("UPDATE oncekey_records SET outcome_kind = 'answer' WHERE id = ?", of)).rejects.toThrow(
        'CONSTRAINT',
      );
      await expect(sql("UPDATE oncekey_records SET state = 'odd' WHERE id = ?", of)).rejects.toThrow('CONSTRAINT');
    });

    it('of a newer schema is refused with both numbers, by the store and by migrate', async () => {
      await migrate(own, { table: 'newer' });
      await sql("ALTER TABLE newer COMMENT = 'oncekey schema 7'");
      const refused = { code: 'store_unusable', message: expect.stringMatching(/version 7.* up to 1/) as string };
      await expect(mysql(own, { table: 'newer' }).claim(askFor('newer'))).rejects.toMatchObject(refused);
      await expect(mysql(own, { table: 'newer' }).check()).rejects.toMatchObject(refused);
      await expect(migrate(own, { table: 'newer' })).rejects.toMatchObject(refused);
    });

    it("that is missing, or somebody else's, is refused; migrate makes the first and leaves the second", async () => {
      const message = (text: RegExp) => ({ code: 'store_unusable', message: expect.stringMatching(text) as string });
      const store = mysql(own, { table: 'late' });
      await expect(store.check()).rejects.toMatchObject(message(/no table late.*migrate/));
      expect(await migrate(own, { table: 'late' })).toEqual({ kind: 'migrated' });
      expect(await migrate(own, { table: 'late' })).toEqual({ kind: 'current' });
      expect(await store.claim(askFor('late'))).toMatchObject({ kind: 'granted' });
      await sql('CREATE TABLE foreign_one (id INT)');
      await expect(migrate(own, { table: 'foreign_one' })).rejects.toMatchObject(
        message(/not a table of this library/),
      );
    });

    it('is made once by five who come at the same time, and goes as it came', async () => {
      const kinds = await Promise.all(
        Array.from({ length: 5 }, () => migrate(own, { table: 'many', operators: true })),
      );
      expect(kinds.map(({ kind }) => kind)).toContain('migrated');
      const { operators, down } = schemaFor({ table: 'many' });
      for (const text of `${operators.down}${operators.up}${down}`.split(';\n').filter(Boolean)) await sql(text);
      for (const text of schemaFor({ table: 'many' }).up.split(';\n').filter(Boolean)) await sql(text);
      await mysql(own, { table: 'many' }).check();
      expect(schema.up).toContain('`oncekey_records`');
    });

    it('shows people what it holds in a view', async () => {
      const store = mysql(own);
      const ask = askFor('view', { labels: { ...askFor('').labels, scope: ['acme'], key: 'view' } });
      await store.claim(ask);
      await store.complete({ ...ask, outcome: { ...answerOf('{"ok":true}'), status: 202 }, retentionMs: 60_000 });
      const { rows } = await sql(
        "SELECT record_id, state, scope, status, headers, body_bytes, body_json FROM oncekey_records_view WHERE `key` = 'view'",
      );
      const [id, state, scope, status, , bytes, json] = rows[0] ?? [];
      expect([id, state, scope, Number(status), Number(bytes), json]).toEqual([
        ask.id,
        'completed',
        '["acme"]',
        202,
        11,
        '{"ok":true}',
      ]);
    });
  });

  describe('a pool', () => {
    it('that reads texts in another character set is refused', async () => {
      const refused = { code: 'store_unusable', message: expect.stringContaining('charset to utf8mb4') as string };
      await expect(mysql(pool('mysql2', { charset: 'latin1' })).check()).rejects.toMatchObject(refused);
    });

    it('without a database, with a wrong account or without grants says what to do', async () => {
      const said = async (settings: Record<string, string>): Promise<unknown> =>
        mysql(pool('mariadb', { connectionLimit: 1, ...settings }))
          .check()
          .catch(({ message }: Error) => message);
      await sql("CREATE USER reader@'127.0.0.1' IDENTIFIED BY 'r'");
      await sql("GRANT SELECT ON oncekey.* TO reader@'127.0.0.1'");
      expect(await said({ user: 'reader', password: 'r' })).toMatch(/grant it SELECT, INSERT, UPDATE and DELETE/);
      expect(await said({ database: '' })).toMatch(/no database|no table/);
    });

    it('whose server takes reads only is refused, and served again when it takes writes', async () => {
      const store = mysql(own);
      await sql("CREATE USER app@'127.0.0.1' IDENTIFIED BY 'a'");
      await sql("GRANT SELECT, INSERT, UPDATE, DELETE ON oncekey.* TO app@'127.0.0.1'");
      const app = mysql(pool('mysql2', { user: 'app', password: 'a' }));
      await sql('SET GLOBAL read_only = 1');
      await expect(app.check()).rejects.toMatchObject({ code: 'store_unavailable' });
      await expect(app.claim(askFor('read-only'))).rejects.toMatchObject({ code: 'store_unavailable' });
      await sql('SET GLOBAL read_only = 0');
      await app.check();
      await store.check();
    });
  });
});
