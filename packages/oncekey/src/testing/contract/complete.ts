/** The contract of `complete`: by the current token, once and for good (I2, I3). */
import assert from 'node:assert/strict';
import { long, type CaseDefinition } from './case.ts';

/** Cases of `complete`. */
export const completeCases: readonly CaseDefinition[] = [
  {
    id: 'complete-owner',
    name: 'the owner stores his outcome and others get it',
    async run(t) {
      const outcome = t.answer();
      const ask = await t.inProgress();
      await t.complete(ask, 'stored', outcome);
      await t.expectOutcome(ask, outcome);
      await t.expectState(ask, 'completed');
    },
  },
  {
    id: 'complete-late',
    name: 'a late owner whom nobody replaced may complete',
    async run(t) {
      const outcome = t.answer();
      const ask = await t.abandoned();
      await t.complete(ask, 'stored', outcome);
      await t.expectOutcome(ask, outcome);
    },
  },
  {
    id: 'complete-late-hold',
    name: 'a late owner may complete a held record that nobody resolved',
    async run(t) {
      const ask = await t.abandoned({ ifAbandoned: 'hold' });
      await t.claim(t.other(ask, { ifAbandoned: 'hold' }), 'abandoned');
      await t.complete(ask, 'stored');
    },
  },
  {
    id: 'complete-again',
    name: 'the same token again is already stored, with the first instant and the first outcome',
    async run(t) {
      const outcome = t.answer();
      const ask = await t.inProgress();
      const first = await t.complete(ask, 'stored', outcome);
      await t.passShort();
      const again = await t.complete(ask, 'already', t.answer());
      assert.deepEqual({ ...again, kind: '' }, { ...first, kind: '' });
      await t.expectOutcome(ask, outcome);
    },
  },
  {
    id: 'complete-again-changes-nothing',
    name: 'completing again changes nothing',
    async run(t) {
      const ask = await t.completed();
      await t.unchanged(ask, async () => {
        await t.complete(ask, 'already');
      });
    },
  },
  {
    id: 'complete-again-keeps-retention',
    name: 'completing again does not prolong the retention',
    async run(t) {
      const ask = await t.completed();
      await t.complete(ask, 'already', t.answer(), 10 * long);
      const { retentionLeftMs } = await t.read(ask);
      assert.ok(retentionLeftMs !== null && retentionLeftMs <= long);
    },
  },
  {
    id: 'complete-stranger',
    name: 'a stranger completes nothing',
    async run(t) {
      const ask = await t.inProgress();
      await t.unchanged(ask, async () => {
        await t.complete({ ...ask, token: t.token() }, 'lost');
      });
    },
  },
  {
    id: 'complete-stranger-abandoned',
    name: 'a stranger does not complete an abandoned record',
    async run(t) {
      const ask = await t.abandoned();
      await t.unchanged(ask, async () => {
        await t.complete({ ...ask, token: t.token() }, 'lost');
      });
    },
  },
  {
    id: 'complete-replaced',
    name: 'a replaced owner is lost, and the new owner still owns',
    async run(t) {
      const ask = await t.abandoned();
      const second = t.other(ask);
      await t.grant(second, 2);
      await t.complete(ask, 'lost');
      const outcome = t.answer();
      await t.complete(second, 'stored', outcome);
      await t.expectOutcome(ask, outcome);
    },
  },
  {
    id: 'complete-replaced-after-completion',
    name: 'a replaced owner is lost after the new owner has completed, whose outcome stays',
    async run(t) {
      const ask = await t.abandoned();
      const second = t.other(ask);
      const outcome = t.answer();
      await t.grant(second, 2);
      await t.complete(second, 'stored', outcome);
      await t.complete(ask, 'lost');
      await t.expectOutcome(ask, outcome);
    },
  },
  {
    id: 'complete-other-completed',
    name: 'a completed record is not completed by another token (I2)',
    async run(t) {
      const ask = await t.completed();
      await t.unchanged(ask, async () => {
        await t.complete({ ...ask, token: t.token() }, 'lost');
      });
    },
  },
  {
    id: 'complete-absent',
    name: 'completing an absent record is lost and makes none',
    async run(t) {
      const ask = t.ask();
      await t.complete(ask, 'lost');
      await t.expectState(ask, 'absent');
    },
  },
  {
    id: 'complete-released',
    name: 'completing after release is lost',
    async run(t) {
      const ask = await t.inProgress();
      await t.release(ask, 'released');
      await t.complete(ask, 'lost');
      await t.expectState(ask, 'absent');
    },
  },
  {
    id: 'complete-vanished',
    name: 'completing an abandoned record whose keep is over is lost',
    async run(t) {
      const ask = await t.abandoned({ keepMs: 0 });
      await t.complete(ask, 'lost');
      await t.expectState(ask, 'absent');
    },
  },
  {
    id: 'complete-token-stays',
    name: 'a completed record names the token that completed it and has no lease',
    async run(t) {
      const ask = await t.completed();
      const { token, leaseLeftMs } = await t.read(ask);
      assert.deepEqual({ token, leaseLeftMs }, { token: ask.token, leaseLeftMs: null });
    },
  },
  {
    id: 'complete-token-case',
    name: 'tokens are compared with case and whole',
    async run(t) {
      const ask = await t.inProgress({ token: `${t.token()}aB` });
      for (const token of [ask.token.toLowerCase(), ask.token.slice(0, -1), `${ask.token} `, '']) {
        await t.complete({ ...ask, token }, 'lost');
      }
      await t.complete(ask, 'stored');
    },
  },
  {
    id: 'complete-longest-token',
    name: 'a token of 64 printable characters is kept whole',
    async run(t) {
      const token = `${t.token()}!"#$%&'()*+,-./:;<=>?@[]^_\``.padEnd(64, '~').slice(0, 64);
      const ask = await t.inProgress({ token });
      await t.complete({ ...ask, token: `${token.slice(0, -1)} ` }, 'lost');
      await t.complete(ask, 'stored');
      await t.complete(ask, 'already');
    },
  },
  {
    id: 'complete-attempt-2',
    name: 'the outcome of attempt 2 is answered as that of attempt 2',
    async run(t) {
      const second = t.other(await t.abandoned());
      await t.grant(second, 2);
      await t.complete(second, 'stored');
      assert.equal((await t.claim(t.other(second), 'completed')).attempt, 2);
    },
  },
];
