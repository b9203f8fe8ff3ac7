/** The contract of `read`: the record as it stands, and nothing changes by looking. */
import assert from 'node:assert/strict';
import { long, short, type CaseDefinition } from './case.ts';

/** Cases of `read`. */
export const readCases: readonly CaseDefinition[] = [
  {
    id: 'read-absent',
    name: 'an absent record reads as undefined and stays absent',
    async run(t) {
      const ask = t.ask();
      assert.equal(await t.store.read(ask.id), undefined);
      await t.grant(ask, 1);
    },
  },
  {
    id: 'read-in-progress',
    name: 'a record in progress shows all that its claim said',
    async run(t) {
      const ask = await t.inProgress();
      const { id, state, attempt, token, fingerprint, outcome, completedAtMs, retentionLeftMs, labels } =
        await t.read(ask);
      assert.deepEqual(
        { id, state, attempt, token, fingerprint, outcome, completedAtMs, retentionLeftMs },
        {
          id: ask.id,
          state: 'in-progress',
          attempt: 1,
          token: ask.token,
          fingerprint: ask.fingerprint,
          outcome: null,
          completedAtMs: null,
          retentionLeftMs: null,
        },
      );
      assert.deepEqual({ ...labels, scope: [...labels.scope] }, ask.labels);
    },
  },
  {
    id: 'read-lease-left',
    name: 'a record in progress shows what is left of its lease',
    async run(t) {
      const { leaseLeftMs } = await t.read(await t.inProgress());
      assert.ok(leaseLeftMs !== null && leaseLeftMs > long / 2 && leaseLeftMs <= long);
    },
  },
  {
    id: 'read-nothing-noted',
    name: 'a new record has no steps, no counts and an empty timeline',
    async run(t) {
      const { steps, replayCount, conflictCount, conflictFingerprints, timeline } = await t.read(await t.inProgress());
      assert.deepEqual(
        [steps.length, replayCount, conflictCount, conflictFingerprints.length, timeline.length],
        [0, 0, 0, 0, 0],
      );
    },
  },
  {
    id: 'read-instants',
    name: 'instants are Unix milliseconds in their order',
    async run(t) {
      const ask = await t.inProgress();
      await t.passShort();
      await t.complete(ask, 'stored');
      const { firstSeenAtMs, lastSeenAtMs, completedAtMs } = await t.read(ask);
      assert.ok(completedAtMs !== null && completedAtMs > firstSeenAtMs && lastSeenAtMs >= firstSeenAtMs);
      assert.ok(firstSeenAtMs > 1_000_000_000_000 && firstSeenAtMs < 10_000_000_000_000, 'Unix milliseconds');
      assert.ok(Number.isInteger(completedAtMs) && Number.isInteger(firstSeenAtMs), 'whole milliseconds');
    },
  },
  {
    id: 'read-changes-nothing',
    name: 'reading changes nothing in any state',
    async run(t) {
      for (const ask of [await t.inProgress(), await t.completed(), await t.open()]) {
        await t.unchanged(ask, async () => {
          await t.read(ask);
          await t.read(ask);
        });
      }
    },
  },
  {
    id: 'read-does-not-renew',
    name: 'reading does not renew a lease',
    async run(t) {
      const ask = await t.inProgress({ leaseMs: short });
      await t.read(ask);
      await t.passShort();
      await t.expectState(ask, 'abandoned');
    },
  },
];
