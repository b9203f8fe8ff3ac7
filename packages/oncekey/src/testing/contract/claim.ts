/** The contract of `claim` on absent, owned and completed records: one owner (I1), told apart by token alone. */
import assert from 'node:assert/strict';
import { long, short, type CaseDefinition } from './case.ts';

/** Cases of `claim`. */
export const claimCases: readonly CaseDefinition[] = [
  {
    id: 'claim-absent',
    name: 'an absent record is granted as attempt 1 without steps',
    async run(t) {
      const { attempt, steps } = await t.grant(t.ask());
      assert.equal(attempt, 1);
      assert.deepEqual([...steps], []);
    },
  },
  {
    id: 'claim-absent-hold',
    name: 'an absent record is granted under the policy hold too',
    async run(t) {
      await t.grant(t.ask({ ifAbandoned: 'hold' }), 1);
    },
  },
  {
    id: 'claim-absent-without-fingerprint',
    name: 'a claim without a fingerprint is granted',
    async run(t) {
      await t.grant(t.ask({ fingerprint: null }), 1);
    },
  },
  {
    id: 'claim-two-ids',
    name: 'claims of two records do not meet, though all their labels are equal',
    async run(t) {
      const ask = await t.inProgress();
      await t.grant({ ...ask, id: t.id(), token: t.token() }, 1);
    },
  },
  {
    id: 'claim-ids-differ-in-last-digit',
    name: 'ids that differ in their last digit are two records',
    async run(t) {
      const ask = await t.inProgress();
      const last = ask.id.endsWith('0') ? '1' : '0';
      await t.grant({ ...t.other(ask), id: ask.id.slice(0, -1) + last }, 1);
    },
  },
  {
    id: 'claim-ids-differ-in-first-digit',
    name: 'ids that differ in their first digit are two records',
    async run(t) {
      const ask = await t.inProgress();
      const first = ask.id.startsWith('0') ? '1' : '0';
      await t.grant({ ...t.other(ask), id: first + ask.id.slice(1) }, 1);
    },
  },
  {
    id: 'claim-id-of-zeros-at-either-end',
    name: 'ids with zeros at either end are kept whole',
    async run(t) {
      const middle = t.random.hex(48);
      const leading = await t.inProgress({ id: `00000000${middle}12345678` });
      const trailing = await t.inProgress({ id: `12345678${middle}00000000` });
      await t.claim(t.other(leading), 'in-progress');
      await t.claim(t.other(trailing), 'in-progress');
      assert.equal((await t.read(leading)).id, leading.id);
    },
  },
  {
    id: 'claim-one-token-two-ids',
    name: 'one token may own two records',
    async run(t) {
      const one = await t.inProgress();
      const two = await t.inProgress({ token: one.token });
      await t.complete(one, 'stored');
      await t.expectState(two, 'in-progress');
    },
  },
  {
    id: 'claim-in-progress',
    name: 'a record in progress is in progress to others, with attempt and fingerprint',
    async run(t) {
      const ask = await t.inProgress();
      const answer = await t.claim(t.other(ask), 'in-progress');
      assert.equal(answer.attempt, 1);
      assert.equal(answer.fingerprint, ask.fingerprint);
    },
  },
  {
    id: 'claim-in-progress-lease-left',
    name: 'in progress tells how much of the lease is left',
    async run(t) {
      const ask = await t.inProgress();
      const { leaseLeftMs } = await t.claim(t.other(ask, { leaseMs: short }), 'in-progress');
      assert.ok(leaseLeftMs > long / 2 && leaseLeftMs <= long, `${leaseLeftMs} of ${long} ms cannot be left`);
    },
  },
  {
    id: 'claim-in-progress-hold',
    name: 'a record in progress is in progress to a claim with hold',
    async run(t) {
      await t.claim(t.other(await t.inProgress(), { ifAbandoned: 'hold' }), 'in-progress');
    },
  },
  {
    id: 'claim-in-progress-other-fingerprint',
    name: 'a record in progress answers its own fingerprint to a claim with another (I6)',
    async run(t) {
      const ask = await t.inProgress();
      const answer = await t.claim(t.other(ask, { fingerprint: t.fingerprint() }), 'in-progress');
      assert.equal(answer.fingerprint, ask.fingerprint);
    },
  },
  {
    id: 'claim-in-progress-null-fingerprint',
    name: 'a record in progress without a fingerprint says so',
    async run(t) {
      const ask = await t.inProgress({ fingerprint: null });
      assert.equal((await t.claim(t.other(ask, { fingerprint: 't1:x' }), 'in-progress')).fingerprint, null);
    },
  },
  {
    id: 'claim-refused-changes-nothing',
    name: 'refused claims change nothing',
    async run(t) {
      const ask = await t.inProgress();
      await t.unchanged(ask, async () => {
        await t.claim(t.other(ask, { fingerprint: t.fingerprint(), labels: t.labels() }), 'in-progress');
        await t.claim(t.other(ask, { fingerprint: null, ifAbandoned: 'hold' }), 'in-progress');
      });
    },
  },
  {
    id: 'claim-refused-does-not-renew',
    name: 'a refused claim does not renew the lease of the owner',
    async run(t) {
      const ask = await t.inProgress({ leaseMs: short });
      await t.store.claim(t.other(ask, { ifAbandoned: 'hold', leaseMs: long }));
      await t.passShort();
      await t.expectState(ask, 'abandoned');
    },
  },
  {
    id: 'claim-again-by-owner',
    name: 'the owner who claims again is granted the same attempt',
    async run(t) {
      const ask = await t.inProgress();
      await t.grant(ask, 1);
      await t.grant(ask, 1);
    },
  },
  {
    id: 'claim-again-revision',
    name: 'the owner who claims again does not raise the revision',
    async run(t) {
      const ask = await t.inProgress();
      await t.unchanged(ask, async () => {
        await t.grant(ask, 1);
      });
    },
  },
  {
    id: 'claim-again-fresh-lease',
    name: 'the owner who claims again gets a fresh lease',
    async run(t) {
      const ask = await t.inProgress({ leaseMs: short });
      await t.grant({ ...ask, leaseMs: long }, 1);
      await t.passShort();
      await t.claim(t.other(ask), 'in-progress');
    },
  },
  {
    id: 'claim-again-late',
    name: 'the owner who claims again after his lease, replaced by nobody, is granted the same attempt',
    async run(t) {
      const ask = await t.abandoned();
      await t.grant({ ...ask, leaseMs: long }, 1);
      await t.expectState(ask, 'in-progress');
    },
  },
  {
    id: 'claim-again-late-hold',
    name: 'the late owner who claims again is granted even under hold',
    async run(t) {
      const ask = await t.abandoned({ ifAbandoned: 'hold' });
      await t.grant({ ...ask, leaseMs: long }, 1);
    },
  },
  {
    id: 'claim-again-after-takeover',
    name: 'an old owner who claims again after a takeover is refused',
    async run(t) {
      const ask = await t.abandoned();
      await t.grant(t.other(ask), 2);
      assert.equal((await t.claim({ ...ask, leaseMs: long }, 'in-progress')).attempt, 2);
    },
  },
  {
    id: 'claim-again-attempt-2',
    name: 'a second owner who claims again is granted attempt 2 again, with the steps',
    async run(t) {
      const second = t.other(await t.open());
      await t.grant(second, 2);
      const { steps } = await t.grant(second, 2);
      assert.deepEqual(
        steps.map(({ name }) => name),
        ['first'],
      );
    },
  },
  {
    id: 'claim-completed',
    name: 'a completed record answers its outcome, attempt and fingerprint',
    async run(t) {
      const outcome = t.answer();
      const ask = await t.completed({}, outcome);
      const answer = await t.claim(t.other(ask), 'completed');
      assert.equal(answer.attempt, 1);
      assert.equal(answer.fingerprint, ask.fingerprint);
      await t.expectOutcome(ask, outcome);
    },
  },
  {
    id: 'claim-completed-own-token',
    name: 'a completed record answers completed to the token that completed it',
    async run(t) {
      await t.claim(await t.completed(), 'completed');
    },
  },
  {
    id: 'claim-completed-other-fingerprint',
    name: 'a completed record answers its own fingerprint to a claim with another: the engine compares (I6)',
    async run(t) {
      const ask = await t.completed();
      const answer = await t.claim(t.other(ask, { fingerprint: t.fingerprint() }), 'completed');
      assert.equal(answer.fingerprint, ask.fingerprint);
    },
  },
  {
    id: 'claim-completed-hold',
    name: 'a completed record answers completed under hold',
    async run(t) {
      await t.claim(t.other(await t.completed(), { ifAbandoned: 'hold' }), 'completed');
    },
  },
  {
    id: 'claim-completed-changes-nothing',
    name: 'claims of a completed record change nothing (I2)',
    async run(t) {
      const ask = await t.completed();
      await t.unchanged(ask, async () => {
        await t.claim(t.other(ask, { fingerprint: t.fingerprint() }), 'completed');
        await t.claim(ask, 'completed');
      });
    },
  },
  {
    id: 'claim-completed-instant',
    name: 'a completed record tells when it was completed, as complete did',
    async run(t) {
      const ask = await t.inProgress();
      const stored = await t.complete(ask, 'stored');
      const answer = await t.claim(t.other(ask), 'completed');
      assert.equal(answer.completedAtMs, stored.kind === 'lost' ? undefined : stored.completedAtMs);
    },
  },
];
