/** The contract of abandoned records: an unknown outcome runs again only by declared policy (I8), as a higher attempt (I1). */
import assert from 'node:assert/strict';
import { long, short, type CaseDefinition } from './case.ts';

/** Cases of abandoned records. */
export const abandonedCases: readonly CaseDefinition[] = [
  {
    id: 'abandoned-state',
    name: 'a record whose lease is over is abandoned, with its owner named and time left',
    async run(t) {
      const ask = await t.abandoned();
      const { state, token, attempt, leaseLeftMs, retentionLeftMs } = await t.read(ask);
      assert.deepEqual(
        { state, token, attempt, leaseLeftMs },
        { state: 'abandoned', token: ask.token, attempt: 1, leaseLeftMs: null },
      );
      assert.ok(retentionLeftMs !== null && retentionLeftMs > 0 && retentionLeftMs <= long);
    },
  },
  {
    id: 'abandoned-rerun',
    name: 'rerun takes over as attempt 2, and the new owner owns',
    async run(t) {
      const ask = await t.abandoned();
      const second = t.other(ask);
      await t.grant(second, 2);
      const { state, token, attempt } = await t.read(ask);
      assert.deepEqual({ state, token, attempt }, { state: 'in-progress', token: second.token, attempt: 2 });
    },
  },
  {
    id: 'abandoned-rerun-lease',
    name: 'the new owner has the lease he asked for',
    async run(t) {
      const ask = await t.abandoned();
      await t.grant(t.other(ask), 2);
      const { leaseLeftMs } = await t.claim(t.other(ask), 'in-progress');
      assert.ok(leaseLeftMs > long / 2 && leaseLeftMs <= long);
    },
  },
  {
    id: 'abandoned-hold',
    name: 'hold is told that the record is abandoned, with attempt and fingerprint',
    async run(t) {
      const ask = await t.abandoned();
      const { attempt, fingerprint } = await t.claim(t.other(ask, { ifAbandoned: 'hold' }), 'abandoned');
      assert.deepEqual({ attempt, fingerprint }, { attempt: 1, fingerprint: ask.fingerprint });
    },
  },
  {
    id: 'abandoned-hold-changes-nothing',
    name: 'claims that are refused an abandoned record change nothing',
    async run(t) {
      const ask = await t.abandoned();
      await t.unchanged(ask, async () => {
        await t.claim(t.other(ask, { ifAbandoned: 'hold' }), 'abandoned');
        await t.claim(t.other(ask, { fingerprint: t.fingerprint() }), 'abandoned');
      });
    },
  },
  {
    id: 'abandoned-asker-decides',
    name: 'the claim that comes decides between rerun and hold, not the one before',
    async run(t) {
      await t.grant(t.other(await t.abandoned({ ifAbandoned: 'hold' }), { ifAbandoned: 'rerun' }), 2);
    },
  },
  {
    id: 'abandoned-hold-other-fingerprint',
    name: 'hold with another fingerprint is told abandoned',
    async run(t) {
      await t.claim(t.other(await t.abandoned(), { ifAbandoned: 'hold', fingerprint: t.fingerprint() }), 'abandoned');
    },
  },
  {
    id: 'abandoned-twice',
    name: 'attempts grow with every takeover',
    async run(t) {
      const ask = await t.abandoned();
      for (const attempt of [2, 3, 4]) {
        await t.grant(t.other(ask, { leaseMs: short }), attempt);
        await t.passShort();
      }
      assert.equal((await t.claim(t.other(ask, { ifAbandoned: 'hold' }), 'abandoned')).attempt, 4);
    },
  },
  {
    id: 'abandoned-vanishes',
    name: 'an abandoned record vanishes when its keep is over, and attempt 1 comes again',
    async run(t) {
      const ask = await t.abandoned({ keepMs: 0 });
      await t.expectState(ask, 'absent');
      await t.grant(t.other(ask, { ifAbandoned: 'hold', fingerprint: t.fingerprint() }), 1);
    },
  },
  {
    id: 'abandoned-stays-while-kept',
    name: 'an abandoned record stays while its keep runs',
    async run(t) {
      const ask = await t.abandoned();
      await t.passShort();
      await t.expectState(ask, 'abandoned');
    },
  },
  {
    id: 'abandoned-for-ever',
    name: 'an abandoned record with keep null stays',
    async run(t) {
      const ask = await t.abandoned({ keepMs: null });
      assert.equal((await t.read(ask)).retentionLeftMs, null);
      await t.passAges();
      await t.claim(t.other(ask, { ifAbandoned: 'hold' }), 'abandoned');
    },
  },
  {
    id: 'abandoned-keep-of-takeover',
    name: 'after a takeover the keep of the new claim counts',
    async run(t) {
      const ask = await t.abandoned({ keepMs: null });
      await t.grant(t.other(ask, { leaseMs: short, keepMs: 0 }), 2);
      await t.passShort();
      await t.expectState(ask, 'absent');
    },
  },
  {
    id: 'abandoned-steps-given',
    name: 'a takeover gets the steps of the attempts before, in the order saved',
    async run(t) {
      const ask = await t.inProgress();
      for (const name of ['c', 'a', 'b']) await t.step(ask, name, Buffer.from(name));
      await t.extend(ask, 'kept', 1);
      await t.passShort();
      const { steps } = await t.grant(t.other(ask), 2);
      assert.deepEqual(
        steps.map(({ name, bytes }) => name + Buffer.from(bytes).toString()),
        ['cc', 'aa', 'bb'],
      );
    },
  },
  {
    id: 'abandoned-first-seen-stays',
    name: 'a takeover keeps when the record was first seen and its first labels',
    async run(t) {
      const ask = await t.abandoned();
      const before = await t.read(ask);
      await t.grant(t.other(ask, { labels: t.labels({ owner: 'worker-2' }) }), 2);
      const after = await t.read(ask);
      assert.equal(after.firstSeenAtMs, before.firstSeenAtMs);
      assert.equal(after.labels.owner, 'worker-1');
    },
  },
];
