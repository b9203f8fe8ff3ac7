/** The contract of `release`: only the owner gives back (I15); an untouched first attempt leaves nothing behind. */
import { type CaseDefinition } from './case.ts';

/** Cases of `release`. */
export const releaseCases: readonly CaseDefinition[] = [
  {
    id: 'release-first',
    name: 'released at attempt 1 without steps, the record is gone',
    async run(t) {
      const ask = await t.inProgress();
      await t.release(ask, 'released');
      await t.expectState(ask, 'absent');
    },
  },
  {
    id: 'release-then-claim',
    name: 'a released record is claimed as attempt 1 by any fingerprint',
    async run(t) {
      const ask = await t.inProgress();
      await t.release(ask, 'released');
      await t.grant(t.other(ask, { fingerprint: t.fingerprint() }), 1);
    },
  },
  {
    id: 'release-then-same-token',
    name: 'a token that released may claim anew as attempt 1',
    async run(t) {
      const ask = await t.inProgress();
      await t.release(ask, 'released');
      await t.grant(ask, 1);
    },
  },
  {
    id: 'release-again',
    name: 'releasing again is released',
    async run(t) {
      const ask = await t.inProgress();
      await t.release(ask, 'released');
      await t.release(ask, 'released');
      await t.expectState(ask, 'absent');
    },
  },
  {
    id: 'release-absent',
    name: 'releasing an absent record is released and makes none',
    async run(t) {
      const ask = t.ask();
      await t.release(ask, 'released');
      await t.expectState(ask, 'absent');
    },
  },
  {
    id: 'release-stranger',
    name: 'a stranger releases nothing',
    async run(t) {
      const ask = await t.inProgress();
      await t.unchanged(ask, () => t.release({ ...ask, token: t.token() }, 'lost'));
      await t.complete(ask, 'stored');
    },
  },
  {
    id: 'release-stranger-abandoned',
    name: 'a stranger does not release an abandoned record',
    async run(t) {
      const ask = await t.abandoned();
      await t.release({ ...ask, token: t.token() }, 'lost');
      await t.expectState(ask, 'abandoned');
    },
  },
  {
    id: 'release-late',
    name: 'a late owner whom nobody replaced may release',
    async run(t) {
      const ask = await t.abandoned();
      await t.release(ask, 'released');
      await t.expectState(ask, 'absent');
    },
  },
  {
    id: 'release-replaced',
    name: 'a replaced owner releases nothing',
    async run(t) {
      const ask = await t.abandoned();
      const second = t.other(ask);
      await t.grant(second, 2);
      await t.release(ask, 'lost');
      await t.complete(second, 'stored');
    },
  },
  {
    id: 'release-completed',
    name: 'a completed record is not released by the token that completed it (I2)',
    async run(t) {
      const ask = await t.completed();
      await t.unchanged(ask, () => t.release(ask, 'lost'));
    },
  },
  {
    id: 'release-completed-stranger',
    name: 'a completed record is not released by a stranger',
    async run(t) {
      const ask = await t.completed();
      await t.unchanged(ask, () => t.release({ ...ask, token: t.token() }, 'lost'));
    },
  },
  {
    id: 'release-after-others-claim',
    name: 'releasing again after somebody else has claimed is lost and leaves his claim alone',
    async run(t) {
      const ask = await t.inProgress();
      await t.release(ask, 'released');
      const next = t.other(ask);
      await t.grant(next, 1);
      await t.release(ask, 'lost');
      await t.complete(next, 'stored');
    },
  },
];
