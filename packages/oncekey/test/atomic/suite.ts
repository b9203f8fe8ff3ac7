/** What atomic mode promises through any library, on any database (I9). */
import { describe, expect, test } from 'vitest';
import { createOnce, currentWork, IdempotencyError } from '../../src/index.ts';
import type { Store } from '../../src/core/store.ts';
import type { AtomicDatabase } from '../../src/atomic/database.ts';

/** A library on a database, with a table `entry (name, amount)`. */
export interface AtomicSetting<Tx> {
  readonly store: Store;
  readonly database: AtomicDatabase<Tx>;
  /** Set where one writer at a time is all that the database has: then only the same process can be told at once. */
  readonly oneWriter?: boolean;
  /** Writes through the library, inside its transaction. */
  insert(tx: Tx, name: string): Promise<unknown>;
  /** Ends the transaction behind the library's back. */
  rollBack(tx: Tx): Promise<unknown>;
  /** Counts outside of any transaction. */
  count(name: string): Promise<number>;
}

let number = 0;

/** Holds a library to it. `setting` is called in each case. */
export function describeAtomic<Tx>(name: string, setting: () => AtomicSetting<Tx>): void {
  const fresh = () => {
    number += 1;
    const entry = `entry ' ? $1 ${number}-${process.pid}`;
    const { store, database, insert, count, oneWriter = false } = setting();
    const once = createOnce({ store });
    // As another process would have it.
    const other = oneWriter ? once : createOnce({ store });
    const call = { scope: ['acme', "o'b"], operation: 'ledger.post', key: entry, input: { amount: 5 } };
    const post = async (tx: Tx): Promise<{ posted: string }> => {
      await insert(tx, entry);
      return { posted: entry };
    };
    return { once, other, call, post, database, store, count: () => count(entry), entry };
  };

  describe(`through ${name}`, () => {
    test('effect and outcome are there together, and a repeat gets the first result', async () => {
      const { once, call, post, database, count, entry } = fresh();
      const first = await once.atomic(database, call, post);
      const again = await once.atomic(database, call, post);
      expect([first.status, again.status, again.value]).toEqual(['executed', 'replayed', { posted: entry }]);
      expect(await count()).toBe(1);
      expect(await once.get(call)).toMatchObject({ state: 'completed', value: { posted: entry }, key: entry });
    });

    test('a throw leaves neither, and a repeat runs again', async () => {
      const { once, call, post, database, count } = fresh();
      const failing = once.atomic(database, call, async (tx) => {
        await post(tx);
        throw new Error('the printer is on fire');
      });
      await expect(failing).rejects.toThrow('on fire');
      expect([await count(), await once.get(call)]).toEqual([0, undefined]);
      expect((await once.atomic(database, call, post)).status).toBe('executed');
      expect(await count()).toBe(1);
    });

    test('the work is found where it runs, unless that is not wanted', async () => {
      const { once, call, database } = fresh();
      const key = async (): Promise<string | undefined> => currentWork()?.key('next');
      const unfound = { ...call, key: `${call.key}, unfound`, currentWork: false };
      expect((await once.atomic(database, call, key)).value).toMatch(/^[\w-]{43}$/);
      expect((await once.atomic(database, unfound, key)).value).toBeUndefined();
    });

    test('a duplicate meanwhile is told at once', async () => {
      const { once, other, call, post, database, count } = fresh();
      let finish = (): void => {};
      const held = new Promise<void>((resolve) => (finish = resolve));
      let begin = (): void => {};
      const begun = new Promise<void>((resolve) => (begin = resolve));
      const first = once.atomic(database, call, async (tx) => {
        begin();
        const value = await post(tx);
        await held;
        return value;
      });
      await begun;
      const startedMs = performance.now();
      const duplicate = await other.atomic(database, call, post).catch((error: unknown) => error);
      const tookMs = performance.now() - startedMs;
      finish();
      expect((await first).status).toBe('executed');
      expect(IdempotencyError.is(duplicate, 'in_progress')).toBe(true);
      expect(tookMs).toBeLessThan(1000);
      expect(await count()).toBe(1);
    });

    test('of 40 at once one runs, and those that wait get its result', async () => {
      const { store, call, post, database, count, entry } = fresh();
      const four = Array.from({ length: 4 }, () => createOnce({ store, inProgress: 'wait', waitMs: 30_000 }));
      const all = await Promise.all(
        Array.from({ length: 10 }, () => four).flatMap((ones) => ones.map((once) => once.atomic(database, call, post))),
      );
      expect(all.filter((one) => one.status === 'executed')).toHaveLength(1);
      expect(all.every((one) => one.value.posted === entry)).toBe(true);
      expect(await count()).toBe(1);
    });

    test('40 different keys at once all run', async () => {
      const { once, call, database } = fresh();
      const { insert, count } = setting();
      const names = Array.from({ length: 40 }, (_, at) => `${call.key} ${at}`);
      const all = await Promise.all(
        names.map((key) => once.atomic(database, { ...call, key }, async (tx) => void (await insert(tx, key)))),
      );
      expect(all.every((one) => one.status === 'executed')).toBe(true);
      expect(await Promise.all(names.map(count))).toEqual(names.map(() => 1));
    });

    test('other input under the same key is refused', async () => {
      const { once, call, post, database, count } = fresh();
      await once.atomic(database, call, post);
      const other = once.atomic(database, { ...call, input: { amount: 6 } }, post);
      await expect(other).rejects.toMatchObject({ code: 'key_reused' });
      expect(await count()).toBe(1);
    });

    test('work that ends the transaction itself is told so, once, and not that somebody else is at it', async () => {
      const { rollBack } = setting();
      const { store, call, post, database } = fresh();
      const once = createOnce({ store, inProgress: 'wait', waitMs: 500 });
      let runs = 0;
      const ended = once.atomic(database, call, async (tx) => {
        runs += 1;
        await post(tx);
        await rollBack(tx);
        return 'posted';
      });
      await expect(ended).rejects.toThrow(/the transaction of the claim is over|no transaction is active/);
      expect([runs, await once.get(call)]).toEqual([1, undefined]);
    });

    test('a value too large to be kept rolls everything back', async () => {
      const { call, database, post, count, store } = fresh();
      const once = createOnce({ store, maxOutcomeBytes: 10 });
      await expect(once.atomic(database, call, post)).rejects.toMatchObject({ code: 'outcome_too_large' });
      expect([await count(), await once.get(call)]).toEqual([0, undefined]);
    });
  });
}
