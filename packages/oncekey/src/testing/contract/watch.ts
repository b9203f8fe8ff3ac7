/** The contract of `watch`, `check` and repeated closing: hints that may come too often, never relied on alone (I17). */
import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { CaseDefinition } from './case.ts';

/** Long enough for a notice to cross a server; only a store that never tells waits so long. */
const turns = 2000;

async function within(told: () => boolean, wait: () => Promise<void>): Promise<void> {
  for (let turn = 0; turn < turns && !told(); turn++) {
    await nextTurn();
    if (turn > 100) await wait();
  }
}

/** Cases of `watch` and `check`. */
export const watchCases: readonly CaseDefinition[] = [
  {
    id: 'watch-complete',
    name: 'who watches a record hears of its completion',
    needs: ['watch'],
    async run(t) {
      const ask = await t.inProgress();
      let told = 0;
      const end = t.store.watch(ask.id, () => told++);
      await t.complete(ask, 'stored');
      await within(
        () => told > 0,
        () => t.passMoment(),
      );
      end();
      assert.ok(told > 0, 'the watcher must be told');
    },
  },
  {
    id: 'watch-release',
    name: 'who watches a record hears of its release',
    needs: ['watch'],
    async run(t) {
      const ask = await t.inProgress();
      let told = 0;
      const end = t.store.watch(ask.id, () => told++);
      await t.release(ask, 'released');
      await within(
        () => told > 0,
        () => t.passMoment(),
      );
      end();
      assert.ok(told > 0, 'the watcher must be told');
    },
  },
  {
    id: 'watch-ended',
    name: 'who has stopped watching hears nothing, and stopping twice is fine',
    needs: ['watch'],
    async run(t) {
      const ask = await t.inProgress();
      let told = 0;
      const end = t.store.watch(ask.id, () => told++);
      end();
      end();
      await t.complete(ask, 'stored');
      await t.passShort();
      assert.equal(told, 0);
    },
  },
  {
    id: 'watch-two',
    name: 'two who watch are both told, and one who stops does not stop the other',
    needs: ['watch'],
    async run(t) {
      const ask = await t.inProgress();
      let [first, second, third] = [0, 0, 0];
      const ends = [t.store.watch(ask.id, () => first++), t.store.watch(ask.id, () => second++)];
      t.store.watch(ask.id, () => third++)();
      await t.complete(ask, 'stored');
      await within(
        () => first > 0 && second > 0,
        () => t.passMoment(),
      );
      for (const end of ends) end();
      assert.deepEqual([first > 0, second > 0, third], [true, true, 0]);
    },
  },
  {
    id: 'watch-changes-nothing',
    name: 'watching changes nothing, also for an absent record',
    needs: ['watch'],
    async run(t) {
      const ask = t.ask();
      const end = t.store.watch(ask.id, () => {});
      await t.expectState(ask, 'absent');
      end();
    },
  },
  {
    id: 'check-serves',
    name: 'check finds a store that serves',
    needs: ['check'],
    async run(t) {
      await t.store.check();
    },
  },
  {
    id: 'store-has-a-name',
    name: 'a store has a short name',
    async run(t) {
      assert.match(t.store.name, /^[a-z][a-z0-9:+()., -]{0,80}$/);
    },
  },
];
