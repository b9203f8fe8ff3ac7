/** The contract of retention: counted from completion by the store's clock; what is over is absent to everybody (rule 15). */
import assert from 'node:assert/strict';
import { systemClock } from '../../core/clock.ts';
import { long, short, type CaseDefinition } from './case.ts';

/** Cases of retention. */
export const retentionCases: readonly CaseDefinition[] = [
  {
    id: 'retention-over-claim',
    name: 'after its retention a record is claimed as attempt 1 by any fingerprint',
    async run(t) {
      const ask = await t.completed({}, t.answer(), short);
      await t.passShort();
      await t.grant(t.other(ask, { fingerprint: t.fingerprint(), ifAbandoned: 'hold' }), 1);
    },
  },
  {
    id: 'retention-over-read',
    name: 'after its retention a record is absent to read, though nobody swept',
    async run(t) {
      const ask = await t.completed({}, t.answer(), short);
      await t.passShort();
      await t.expectState(ask, 'absent');
    },
  },
  {
    id: 'retention-over-same-token',
    name: 'after the retention the token that completed may claim anew',
    async run(t) {
      const ask = await t.completed({}, t.answer(), short);
      await t.passShort();
      await t.grant(ask, 1);
      await t.complete(ask, 'stored');
    },
  },
  {
    id: 'retention-over-complete',
    name: 'after the retention completing again is lost',
    async run(t) {
      const ask = await t.completed({}, t.answer(), short);
      await t.passShort();
      await t.complete(ask, 'lost');
      await t.expectState(ask, 'absent');
    },
  },
  {
    id: 'retention-over-release',
    name: 'after the retention release finds nothing',
    async run(t) {
      const ask = await t.completed({}, t.answer(), short);
      await t.passShort();
      await t.release(ask, 'released');
    },
  },
  {
    id: 'retention-over-fresh-facts',
    name: 'a record claimed after the retention of another knows nothing of it',
    async run(t) {
      const ask = await t.completed({}, t.answer(), short);
      const before = await t.read(ask);
      await t.passShort();
      const next = t.other(ask, { labels: t.labels({ owner: 'worker-2' }) });
      await t.grant(next, 1);
      const record = await t.read(next);
      assert.equal(record.outcome, null);
      assert.equal(record.completedAtMs, null);
      assert.equal(record.labels.owner, 'worker-2');
      assert.ok(record.firstSeenAtMs > before.firstSeenAtMs);
    },
  },
  {
    id: 'retention-left',
    name: 'a completed record tells how long it still answers',
    async run(t) {
      const { retentionLeftMs } = await t.read(await t.completed());
      assert.ok(retentionLeftMs !== null && retentionLeftMs > long / 2 && retentionLeftMs <= long);
    },
  },
  {
    id: 'retention-for-ever',
    name: 'a record with retention null answers for ever',
    async run(t) {
      const ask = await t.completed({}, t.answer(), null);
      assert.equal((await t.read(ask)).retentionLeftMs, null);
      await t.passAges();
      await t.claim(t.other(ask), 'completed');
    },
  },
  {
    id: 'retention-hundred-years',
    name: 'a retention of a hundred years is one',
    async run(t) {
      const years = 100 * 365 * 86_400_000;
      const ask = await t.completed({}, t.answer(), years);
      const { retentionLeftMs } = await t.read(ask);
      assert.ok(retentionLeftMs !== null && retentionLeftMs > years / 2 && retentionLeftMs <= years);
      await t.claim(t.other(ask), 'completed');
    },
  },
  {
    id: 'retention-from-completion',
    name: 'the retention counts from completion, not from the claim',
    async run(t) {
      const ask = await t.inProgress();
      await t.passShort();
      const startedMs = systemClock.monotonicMs();
      await t.complete(ask, 'stored', t.answer(), long);
      const { retentionLeftMs } = await t.read(ask);
      // However long the two calls took: from the claim it would be shorter by all that passed before them.
      const tookMs = systemClock.monotonicMs() - startedMs;
      assert.ok(retentionLeftMs !== null && retentionLeftMs > long - tookMs - short);
    },
  },
  {
    id: 'retention-outlives-lease',
    name: 'a completed record answers beyond the lease of its claim',
    async run(t) {
      const ask = await t.completed({ leaseMs: short });
      await t.passShort();
      await t.claim(t.other(ask), 'completed');
    },
  },
  {
    id: 'retention-not-renewed-by-claims',
    name: 'replays do not prolong the retention',
    async run(t) {
      const ask = await t.completed({}, t.answer(), short);
      await t.store.claim(t.other(ask));
      await t.passShort();
      await t.expectState(ask, 'absent');
    },
  },
  {
    id: 'retention-zero',
    name: 'a retention of nothing is over at once',
    async run(t) {
      const ask = await t.completed({}, t.answer(), 0);
      await t.passShort();
      await t.grant(t.other(ask), 1);
    },
  },
];
