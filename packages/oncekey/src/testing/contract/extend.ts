/** The contract of `extend`: the owner's lease starts anew, also late; nobody else's does (I3). */
import assert from 'node:assert/strict';
import { long, short, type CaseDefinition } from './case.ts';

/** Cases of `extend`. */
export const extendCases: readonly CaseDefinition[] = [
  {
    id: 'extend-owner',
    name: 'the owner keeps his lease beyond its first end',
    async run(t) {
      const ask = await t.inProgress({ leaseMs: short });
      await t.extend(ask, 'kept');
      await t.passShort();
      await t.claim(t.other(ask), 'in-progress');
    },
  },
  {
    id: 'extend-shorter',
    name: 'a lease starts anew from now, also when that is sooner',
    async run(t) {
      const ask = await t.inProgress({ leaseMs: long });
      await t.extend(ask, 'kept', short);
      await t.passShort();
      await t.expectState(ask, 'abandoned');
    },
  },
  {
    id: 'extend-lease-left',
    name: 'after extend others are told what is left of the new lease',
    async run(t) {
      const ask = await t.inProgress();
      await t.extend(ask, 'kept', 2 * long);
      const { leaseLeftMs } = await t.claim(t.other(ask), 'in-progress');
      assert.ok(leaseLeftMs > long && leaseLeftMs <= 2 * long, `${leaseLeftMs} ms cannot be left`);
    },
  },
  {
    id: 'extend-late',
    name: 'a late owner whom nobody replaced is kept',
    async run(t) {
      const ask = await t.abandoned();
      await t.extend(ask, 'kept');
      await t.claim(t.other(ask), 'in-progress');
    },
  },
  {
    id: 'extend-keeps-keep',
    name: 'after extend an abandoned record stays as long as the claim said',
    async run(t) {
      const ask = await t.inProgress({ keepMs: short });
      await t.extend(ask, 'kept', 1);
      await t.passShort();
      await t.expectState(ask, 'absent');
    },
  },
  {
    id: 'extend-stranger',
    name: 'a stranger extends nothing',
    async run(t) {
      const ask = await t.inProgress({ leaseMs: short });
      await t.extend({ ...ask, token: t.token() }, 'lost');
      await t.passShort();
      await t.expectState(ask, 'abandoned');
    },
  },
  {
    id: 'extend-replaced',
    name: 'a replaced owner is lost, and the new lease stays as it was',
    async run(t) {
      const ask = await t.abandoned();
      await t.grant(t.other(ask), 2);
      await t.extend(ask, 'lost', 1);
      await t.expectState(ask, 'in-progress');
    },
  },
  {
    id: 'extend-absent',
    name: 'extending an absent record is lost and makes none',
    async run(t) {
      const ask = t.ask();
      await t.extend(ask, 'lost');
      await t.expectState(ask, 'absent');
    },
  },
  {
    id: 'extend-completed',
    name: 'extending a completed record is lost, also for the token that completed it',
    async run(t) {
      const ask = await t.completed();
      await t.unchanged(ask, () => t.extend(ask, 'lost'));
    },
  },
  {
    id: 'extend-released',
    name: 'extending after release is lost and makes no record',
    async run(t) {
      const ask = await t.inProgress();
      await t.release(ask, 'released');
      await t.extend(ask, 'lost');
      await t.expectState(ask, 'absent');
    },
  },
  {
    id: 'extend-vanished',
    name: 'extending an abandoned record whose keep is over is lost',
    async run(t) {
      const ask = await t.abandoned({ keepMs: 0 });
      await t.extend(ask, 'lost');
    },
  },
  {
    id: 'extend-revision',
    name: 'extend does not raise the revision',
    async run(t) {
      const ask = await t.inProgress();
      await t.unchanged(ask, () => t.extend(ask, 'kept'));
    },
  },
];
