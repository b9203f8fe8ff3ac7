/** What of the MySQL store needs no server: its options, how values are written, steps as bytes, what errors mean. */
import fc from 'fast-check';
import mariadb from 'mariadb';
import mysql2Callback from 'mysql2';
import mysql2 from 'mysql2/promise';
import { afterAll, describe, expect, expectTypeOf, it } from 'vitest';
import { IdempotencyError } from '../../src/core/errors.ts';
import { storeError } from '../../src/stores/mysql/failure.ts';
import { literal, spell } from '../../src/stores/mysql/statement.ts';
import { stepBytes, stepsFrom } from '../../src/stores/mysql/steps.ts';
import { updateEach } from '../../src/stores/mysql/update-each.ts';
import { type MysqlPool, mysql, schemaFor } from '../../src/stores/mysql.ts';

const nowhere = { host: '127.0.0.1', port: 1, user: 'nobody', connectTimeout: 500 };

describe('the pool', () => {
  const made = [mysql2.createPool(nowhere), mariadb.createPool({ ...nowhere, acquireTimeout: 500 })] as const;
  afterAll(() => Promise.all(made.map((pool) => pool.end())));

  it('of both clients is one by its type', () => {
    expectTypeOf(made[0]).toExtend<MysqlPool>();
    expectTypeOf(made[1]).toExtend<MysqlPool>();
    expectTypeOf<mysql2.Connection>().not.toExtend<MysqlPool>();
  });

  it('that reaches no server fails as unavailable', async () => {
    for (const pool of made) {
      const failed = mysql(pool).read('0'.repeat(64));
      await expect(failed).rejects.toMatchObject({ code: 'store_unavailable', retryable: true });
    }
  });

  it('must be a pool with promises', () => {
    const callbacks = mysql2Callback.createPool(nowhere);
    expect(() => mysql(callbacks as unknown as MysqlPool)).toThrow(/mysql2\/promise.*pool\.promise\(\)/);
    expect(() => mysql({} as MysqlPool)).toThrow(/must be a pool of mysql2\/promise or of mariadb/);
    callbacks.end();
  });
});

it.each(['', 'a-b', 'a`b', '1a', 'x'.repeat(49), 7])('table %s is refused by name', (table) => {
  expect(() => schemaFor({ table: table as string })).toThrow(/mysql: table must be/);
});

describe('values', () => {
  it('of one record are bound, those of several are written so that nothing can be read as SQL', () => {
    const build = (write: (value: string) => string): string => `a = ${write("x' OR 1")}`;
    expect(spell(1, build)).toEqual({ sql: 'a = ?', values: [Buffer.from("x' OR 1")] });
    expect(spell(2, build)).toEqual({ sql: `a = x'7827204f522031'` });
  });

  it('become digits, whatever they are', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.uint8Array()), (value) => {
        expect(literal(value)).toMatch(/^x'([0-9a-f]{2})*'$/);
      }),
    );
    expect([null, 0, -5, 1.5].map(literal)).toEqual(['NULL', '0', '-5', '1.5']);
  });
});

it('an update of one and of many holds the same conditions', () => {
  const change = {
    set: (given: (name: 'token') => string) => `seen = ${given('token')}`,
    where: (given: (name: 'token') => string) => `token = ${given('token')} AND state = 'in-progress'`,
  };
  const records = [1, 2].map((id) => ({ id, token: id * 10 }));
  expect(updateEach('t', records.slice(0, 1), literal, change)).toBe(
    "UPDATE t SET seen = 10 WHERE id = 1 AND token = 10 AND state = 'in-progress'",
  );
  const many = updateEach('t', records, literal, change).replaceAll(/\s+/g, ' ');
  expect(many).toContain(
    '(SELECT 1 AS given_id, 10 AS given_token UNION ALL SELECT 2, 20) AS given ON t.id = given_id',
  );
  expect(many).toContain("WHERE t.id IN (1, 2) AND token = given_token AND state = 'in-progress'");
});

describe('steps as bytes', () => {
  const step = fc.record({ name: fc.string({ unit: 'grapheme' }), bytes: fc.uint8Array() });

  it('come back in order, the last of a name in the place of the first', () => {
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const last = new Map(steps.map((one) => [one.name, { ...one, bytes: new Uint8Array(one.bytes) }]));
        expect(stepsFrom(Buffer.concat(steps.map(stepBytes)))).toEqual([...last.values()]);
      }),
    );
  });

  it('that were cut or changed are refused', () => {
    const bytes = stepBytes({ name: 'charge', bytes: Uint8Array.of(1, 2, 3) });
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(() => stepsFrom(changed)).toThrow('record_unreadable');
      expect(() => stepsFrom(bytes.subarray(0, bytes.length - 1 - (at % (bytes.length - 1))))).toThrow(
        'record_unreadable',
      );
    }
  });
});

describe('an error', () => {
  it.each([
    [{ errno: 1213 }, 'store_unavailable'],
    [{ errno: 1205 }, 'store_unavailable'],
    [{ errno: 1290 }, 'store_unavailable'],
    [{ errno: -111, code: 'ECONNREFUSED' }, 'store_unavailable'],
    [{ errno: 45028, code: 'ER_GET_CONNECTION_TIMEOUT' }, 'store_unavailable'],
    [{ code: 'PROTOCOL_CONNECTION_LOST' }, 'store_unavailable'],
    [{ errno: 1146 }, 'store_unusable'],
    [{ errno: 1045 }, 'store_unusable'],
    [{ errno: 1665 }, 'store_unusable'],
    [{ errno: 1064 }, 'store_unusable'],
  ])('%o means %s', (fields, code) => {
    const error = storeError(Object.assign(new Error('what the client said'), fields), 'claim');
    expect(error).toMatchObject({ code });
  });

  it('of this library or of a caller passes as it is', () => {
    const own = new IdempotencyError('record_unreadable', 'no', { reason: 'no' });
    const wrong = new RangeError('limit');
    expect([storeError(own, 'other'), storeError(wrong, 'other')]).toEqual([own, wrong]);
  });
});
