/** The contract of `sweep`: removes what is over, in batches, and never anything else (I13). */
import assert from 'node:assert/strict';
import { short, type CaseContext, type CaseDefinition } from './case.ts';

const needs = ['sweep'] as const;

function sweeping(id: string, name: string, run: (t: CaseContext) => Promise<void>): CaseDefinition {
  return { id: `sweep-${id}`, name, needs, run };
}

/** Sweeps until nothing is left and tells how much went. Other cases on the same store may leave things to sweep. */
async function sweepAll(t: CaseContext, limit = 1000): Promise<number> {
  let total = 0;
  for (let more = true; more;) {
    const answer = await t.store.sweep(limit);
    assert.ok(answer.removed <= limit, 'a sweep must keep to its limit');
    total += answer.removed;
    more = answer.more && answer.removed > 0;
  }
  return total;
}

/** Cases of `sweep`. */
export const sweepCases: readonly CaseDefinition[] = [
  sweeping('completed', 'what is completed and over is removed', async (t) => {
    const ask = await t.completed({}, t.answer(), short);
    await t.passShort();
    await sweepAll(t);
    await t.expectState(ask, 'absent');
    await t.grant(t.other(ask), 1);
  }),
  sweeping('spares-live', 'a record in progress is never removed', async (t) => {
    const ask = await t.inProgress({ keepMs: 0 });
    await t.passShort();
    await sweepAll(t);
    await t.expectState(ask, 'in-progress');
    await t.complete(ask, 'stored');
  }),
  sweeping('spares-extended', 'a record that was extended is not removed by its first lease', async (t) => {
    const ask = await t.inProgress({ keepMs: 0 });
    await t.extend(ask, 'kept', 20 * 365 * 86_400_000);
    await t.passAges();
    await sweepAll(t);
    await t.complete(ask, 'stored');
  }),
  sweeping('spares-completed', 'a completed record is not removed before its end', async (t) => {
    const ask = await t.completed();
    await t.passShort();
    await sweepAll(t);
    await t.claim(t.other(ask), 'completed');
  }),
  sweeping('spares-for-ever', 'a record for ever is not removed', async (t) => {
    const [done, silent, open] = [
      await t.completed({}, t.answer(), null),
      await t.abandoned({ keepMs: null }),
      await t.open({}, null),
    ];
    await t.passAges();
    await sweepAll(t);
    await t.expectState(done, 'completed');
    await t.expectState(silent, 'abandoned');
    await t.expectState(open, 'open');
  }),
  sweeping('spares-abandoned', 'an abandoned record is not removed while its keep runs', async (t) => {
    const ask = await t.abandoned();
    await sweepAll(t);
    await t.claim(t.other(ask, { ifAbandoned: 'hold' }), 'abandoned');
  }),
  sweeping('spares-open', 'an open record is not removed while its keep runs', async (t) => {
    const ask = await t.open();
    await t.passShort();
    await sweepAll(t);
    await t.grant(t.other(ask), 2);
  }),
  sweeping('abandoned', 'an abandoned record whose keep is over is removed', async (t) => {
    const ask = await t.abandoned({ keepMs: 0 });
    await sweepAll(t);
    await t.grant(t.other(ask), 1);
  }),
  sweeping('limit', 'a sweep of one removes at most one and is repeated until all are gone', async (t) => {
    const asks = [];
    for (let index = 0; index < 4; index++) asks.push(await t.completed({}, t.answer(), short));
    await t.passShort();
    await sweepAll(t, 1);
    for (const ask of asks) await t.expectState(ask, 'absent');
  }),
  sweeping('nothing', 'a sweep when nothing is left removes nothing and says so', async (t) => {
    await sweepAll(t);
    const live = await t.inProgress();
    const { removed } = await t.store.sweep(1000);
    assert.ok(Number.isInteger(removed) && removed >= 0);
    await t.expectState(live, 'in-progress');
  }),
  {
    id: 'sweep-tombstone',
    name: 'a tombstone is not removed before its end and is removed after it',
    needs: ['sweep', 'erase'],
    async run(t) {
      const [kept, over] = [await t.completed(), await t.completed()];
      await t.store.erase(kept.id, null);
      await t.store.erase(over.id, short);
      await t.passShort();
      await sweepAll(t);
      await t.expectState(kept, 'erased');
      await t.expectState(over, 'absent');
    },
  },
];
