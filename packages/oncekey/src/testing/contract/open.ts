/** The contract of open records: released with steps or after attempt 1, nobody's, claimable at once as the next attempt. */
import assert from 'node:assert/strict';
import { short, type CaseDefinition } from './case.ts';

/** Cases of open records. */
export const openCases: readonly CaseDefinition[] = [
  {
    id: 'open-with-steps',
    name: 'released with a step, the record is open and nobody owns it',
    async run(t) {
      const record = await t.read(await t.open());
      const { state, token, leaseLeftMs, attempt } = record;
      assert.deepEqual(
        { state, token, leaseLeftMs, attempt },
        { state: 'open', token: null, leaseLeftMs: null, attempt: 1 },
      );
    },
  },
  {
    id: 'open-after-attempt-2',
    name: 'released at attempt 2 without steps, the record is open and attempts go on growing (I1)',
    async run(t) {
      const second = t.other(await t.abandoned());
      await t.grant(second, 2);
      await t.release(second, 'released');
      await t.expectState(second, 'open');
      await t.grant(t.other(second), 3);
    },
  },
  {
    id: 'open-claim',
    name: 'an open record is granted as the next attempt with its steps',
    async run(t) {
      const { steps } = await t.grant(t.other(await t.open()), 2);
      assert.deepEqual(
        steps.map(({ name, bytes }) => [name, [...bytes]]),
        [['first', [1, 2, 3]]],
      );
    },
  },
  {
    id: 'open-claim-hold',
    name: 'an open record is granted under hold too',
    async run(t) {
      await t.grant(t.other(await t.open(), { ifAbandoned: 'hold' }), 2);
    },
  },
  {
    id: 'open-claim-same-token',
    name: 'the token that released is granted the next attempt',
    async run(t) {
      const ask = await t.open();
      await t.grant(ask, 2);
      await t.complete(ask, 'stored');
    },
  },
  {
    id: 'open-extend',
    name: 'the token that released extends nothing',
    async run(t) {
      const ask = await t.open();
      await t.unchanged(ask, () => t.extend(ask, 'lost'));
    },
  },
  {
    id: 'open-complete',
    name: 'the token that released completes nothing',
    async run(t) {
      const ask = await t.open();
      await t.unchanged(ask, async () => {
        await t.complete(ask, 'lost');
      });
    },
  },
  {
    id: 'open-save-step',
    name: 'the token that released saves no step',
    async run(t) {
      const ask = await t.open();
      await t.unchanged(ask, () => t.step(ask, 'second', Uint8Array.of(4), 'lost'));
    },
  },
  {
    id: 'open-release-again',
    name: 'releasing again is released and changes nothing',
    async run(t) {
      const ask = await t.open();
      await t.unchanged(ask, () => t.release(ask, 'released'));
    },
  },
  {
    id: 'open-vanishes',
    name: 'an open record vanishes after the keep of its release',
    async run(t) {
      const ask = await t.open({}, short);
      await t.passShort();
      await t.expectState(ask, 'absent');
      assert.deepEqual([...(await t.grant(t.other(ask, { fingerprint: t.fingerprint() }), 1)).steps], []);
    },
  },
  {
    id: 'open-for-ever',
    name: 'an open record with keep null stays',
    async run(t) {
      const ask = await t.open({}, null);
      assert.equal((await t.read(ask)).retentionLeftMs, null);
      await t.passAges();
      await t.grant(t.other(ask), 2);
    },
  },
  {
    id: 'open-outlives-lease',
    name: 'an open record is not abandoned when the released lease would have ended',
    async run(t) {
      const ask = await t.open({ leaseMs: short });
      await t.passShort();
      await t.grant(t.other(ask, { ifAbandoned: 'hold' }), 2);
    },
  },
  {
    id: 'open-keeps-first-seen',
    name: 'the next attempt of an open record keeps when it was first seen and its first labels',
    async run(t) {
      const ask = await t.open();
      const before = await t.read(ask);
      await t.grant(t.other(ask), 2);
      const after = await t.read(ask);
      assert.equal(after.firstSeenAtMs, before.firstSeenAtMs);
      assert.deepEqual(after.labels, before.labels);
    },
  },
  {
    id: 'open-then-complete',
    name: 'an open record that is claimed and completed answers its outcome',
    async run(t) {
      const next = t.other(await t.open());
      const outcome = t.answer();
      await t.grant(next, 2);
      await t.complete(next, 'stored', outcome);
      await t.expectOutcome(next, outcome);
    },
  },
];
