/** The contract of `note`: facts beside the state, bounded, that never change what a record answers (I6). */
import assert from 'node:assert/strict';
import type { ClaimAsk, Note, StoredRecord } from '../../core/store.ts';
import { short, type CaseContext, type CaseDefinition } from './case.ts';

const needs = ['note'] as const;

async function replay(t: CaseContext, { id }: ClaimAsk, count: number): Promise<void> {
  await t.store.note([{ id, kind: 'replay', count }]);
}

async function conflict(t: CaseContext, { id }: ClaimAsk, fingerprint: string | null): Promise<void> {
  await t.store.note([{ id, kind: 'conflict', fingerprint }]);
}

/** What a note must leave alone. */
function decided({
  state,
  attempt,
  token,
  fingerprint,
  revision,
  labels,
  steps,
  completedAtMs,
  outcome,
}: StoredRecord): unknown {
  return {
    state,
    attempt,
    token,
    fingerprint,
    revision,
    labels,
    steps: steps.length,
    completedAtMs,
    outcome: outcome?.kind,
  };
}

/** Cases of `note`. */
export const noteCases: readonly CaseDefinition[] = [
  {
    id: 'note-replays',
    name: 'replays add up by their count',
    needs,
    async run(t) {
      const ask = await t.completed();
      await replay(t, ask, 1);
      await replay(t, ask, 41);
      assert.equal((await t.read(ask)).replayCount, 42);
    },
  },
  {
    id: 'note-replay-timeline',
    name: 'a replay is an event of the timeline',
    needs,
    async run(t) {
      const ask = await t.completed();
      await replay(t, ask, 3);
      assert.deepEqual(
        (await t.read(ask)).timeline.map(({ what }) => what),
        ['replay'],
      );
    },
  },
  {
    id: 'note-conflict',
    name: 'a conflict is counted, its fingerprint kept, and it is an event of the timeline',
    needs,
    async run(t) {
      const ask = await t.completed();
      await conflict(t, ask, 't1:other');
      const { conflictCount, conflictFingerprints, timeline } = await t.read(ask);
      assert.equal(conflictCount, 1);
      assert.deepEqual([...conflictFingerprints], ['t1:other']);
      assert.deepEqual(
        timeline.map(({ what, detail }) => [what, detail]),
        [['conflict', 't1:other']],
      );
    },
  },
  {
    id: 'note-conflict-same-fingerprint',
    name: 'conflicts with one fingerprint are counted and the fingerprint kept once',
    needs,
    async run(t) {
      const ask = await t.completed();
      for (const fingerprint of ['t1:x', 't1:y', 't1:x']) await conflict(t, ask, fingerprint);
      const { conflictCount, conflictFingerprints } = await t.read(ask);
      assert.equal(conflictCount, 3);
      assert.deepEqual([...conflictFingerprints], ['t1:x', 't1:y']);
    },
  },
  {
    id: 'note-conflict-without-fingerprint',
    name: 'a conflict without a fingerprint is counted',
    needs,
    async run(t) {
      const ask = await t.completed();
      await conflict(t, ask, null);
      const { conflictCount, conflictFingerprints } = await t.read(ask);
      assert.deepEqual([conflictCount, conflictFingerprints.length], [1, 0]);
    },
  },
  {
    id: 'note-sixteen-fingerprints',
    name: 'of many conflicting fingerprints the first sixteen are kept, and all are counted',
    needs,
    async run(t) {
      const ask = await t.completed();
      for (let index = 0; index < 20; index++) await conflict(t, ask, `t1:${index}`);
      const { conflictCount, conflictFingerprints } = await t.read(ask);
      assert.equal(conflictCount, 20);
      assert.deepEqual(
        [...conflictFingerprints],
        Array.from({ length: 16 }, (_, index) => `t1:${index}`),
      );
    },
  },
  {
    id: 'note-timeline-bounded',
    name: 'of forty events the timeline keeps the newest thirty-two',
    needs,
    async run(t) {
      const ask = await t.completed();
      for (let index = 0; index < 40; index++) await conflict(t, ask, `t1:${index}`);
      const details = (await t.read(ask)).timeline.map(({ detail }) => detail);
      assert.equal(details.length, 32);
      assert.ok(details.includes('t1:39') && details.includes('t1:8') && !details.includes('t1:7'));
    },
  },
  {
    id: 'note-last-seen',
    name: 'a note moves when the record was last seen, and not when it was first seen',
    needs,
    async run(t) {
      const ask = await t.completed();
      const before = await t.read(ask);
      await t.passShort();
      await replay(t, ask, 1);
      const after = await t.read(ask);
      assert.ok(after.lastSeenAtMs > before.lastSeenAtMs);
      assert.equal(after.firstSeenAtMs, before.firstSeenAtMs);
    },
  },
  {
    id: 'note-conflict-last-seen',
    name: 'a conflict moves when the record was last seen',
    needs,
    async run(t) {
      const ask = await t.completed();
      const before = await t.read(ask);
      await t.passShort();
      await conflict(t, ask, 't1:other');
      assert.ok((await t.read(ask)).lastSeenAtMs > before.lastSeenAtMs);
    },
  },
  {
    id: 'note-decides-nothing-completed',
    name: 'notes leave the state, revision and outcome of a completed record alone',
    needs,
    async run(t) {
      const outcome = t.answer();
      const ask = await t.completed({}, outcome);
      const before = decided(await t.read(ask));
      await replay(t, ask, 2);
      await conflict(t, ask, 't1:other');
      assert.deepEqual(decided(await t.read(ask)), before);
      await t.expectOutcome(ask, outcome);
    },
  },
  {
    id: 'note-decides-nothing-in-progress',
    name: 'a conflict leaves a record in progress to its owner',
    needs,
    async run(t) {
      const ask = await t.inProgress();
      const before = decided(await t.read(ask));
      await conflict(t, ask, 't1:other');
      assert.deepEqual(decided(await t.read(ask)), before);
      await t.complete(ask, 'stored');
      assert.equal((await t.read(ask)).conflictCount, 1);
    },
  },
  {
    id: 'note-no-longer-lease',
    name: 'a note renews no lease',
    needs,
    async run(t) {
      const ask = await t.inProgress({ leaseMs: short });
      await conflict(t, ask, 't1:other');
      await t.passShort();
      await t.expectState(ask, 'abandoned');
    },
  },
  {
    id: 'note-no-longer-retention',
    name: 'a note prolongs no retention',
    needs,
    async run(t) {
      const ask = await t.completed({}, t.answer(), short);
      await replay(t, ask, 1);
      await t.passShort();
      await t.expectState(ask, 'absent');
    },
  },
  {
    id: 'note-unknown',
    name: 'notes of unknown records are passed over, those beside them are written',
    needs,
    async run(t) {
      const ask = await t.completed();
      const unknown = t.id();
      const notes: Note[] = [
        { id: unknown, kind: 'replay', count: 1 },
        { id: ask.id, kind: 'replay', count: 1 },
        { id: unknown, kind: 'conflict', fingerprint: 't1:x' },
      ];
      await t.store.note(notes);
      assert.equal((await t.read(ask)).replayCount, 1);
      assert.equal(await t.store.read(unknown), undefined);
    },
  },
  {
    id: 'note-nothing',
    name: 'no notes at all are fine',
    needs,
    async run(t) {
      await t.store.note([]);
    },
  },
  {
    id: 'note-batch',
    name: 'a batch of notes about several records and one record twice is written whole',
    needs,
    async run(t) {
      const [one, two] = [await t.completed(), await t.completed()];
      const notes = [one, two, one].map(({ id }): Note => ({ id, kind: 'replay', count: 2 }));
      await t.store.note([...notes, { id: one.id, kind: 'conflict', fingerprint: 't1:x' }]);
      const [first, second] = [await t.read(one), await t.read(two)];
      assert.deepEqual([first.replayCount, first.conflictCount, second.replayCount], [4, 1, 2]);
    },
  },
  {
    id: 'note-survives-takeover',
    name: 'what was noted survives a takeover and a completion',
    needs,
    async run(t) {
      const ask = await t.abandoned();
      await conflict(t, ask, 't1:other');
      const second = t.other(ask);
      await t.grant(second, 2);
      await t.complete(second, 'stored');
      const { conflictCount, conflictFingerprints } = await t.read(ask);
      assert.deepEqual([conflictCount, [...conflictFingerprints]], [1, ['t1:other']]);
    },
  },
];
