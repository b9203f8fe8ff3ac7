/** The contract of `put`: whole records from elsewhere, for warming and import; a higher revision wins (I12). */
import assert from 'node:assert/strict';
import type { StoredRecord } from '../../core/store.ts';
import { long, sameBytes, sameOutcome, short, type CaseContext, type CaseDefinition } from './case.ts';

const needs = ['put'] as const;

function putting(id: string, name: string, run: (t: CaseContext) => Promise<void>): CaseDefinition {
  return { id: `put-${id}`, name, needs, run };
}

function record(t: CaseContext, over: Partial<StoredRecord> = {}): StoredRecord {
  return {
    id: t.id(),
    state: 'completed',
    attempt: 3,
    token: t.token(),
    fingerprint: t.fingerprint(),
    revision: 7,
    leaseLeftMs: null,
    retentionLeftMs: long,
    labels: t.labels(),
    outcome: t.answer(),
    steps: [],
    firstSeenAtMs: 1_600_000_000_000,
    lastSeenAtMs: 1_600_000_002_000,
    completedAtMs: 1_600_000_001_000,
    replayCount: 5,
    conflictCount: 2,
    conflictFingerprints: ['t1:other'],
    timeline: [{ atMs: 1_600_000_002_000, what: 'replay', detail: null }],
    ...over,
  };
}

function unfinished(t: CaseContext, over: Partial<StoredRecord>): StoredRecord {
  return record(t, { outcome: null, completedAtMs: null, ...over });
}

async function put(t: CaseContext, stored: StoredRecord, kind: 'put' | 'kept' = 'put'): Promise<void> {
  assert.equal((await t.store.put(stored)).kind, kind, `put must answer ${kind}`);
}

/** Cases of `put`. */
export const putCases: readonly CaseDefinition[] = [
  putting('absent', 'a record put where there is none is there with all its facts', async (t) => {
    const stored = record(t);
    await put(t, stored);
    const { retentionLeftMs, outcome, ...rest } = await t.read(stored);
    const { retentionLeftMs: _left, outcome: expected, ...expectedRest } = stored;
    assert.deepEqual({ ...rest, labels: { ...rest.labels, scope: [...rest.labels.scope] } }, expectedRest);
    assert.ok(expected !== null);
    sameOutcome(outcome, expected);
    assert.ok(retentionLeftMs !== null && retentionLeftMs > long / 2 && retentionLeftMs <= long);
  }),
  putting('answers', 'a record that was put answers claims', async (t) => {
    const stored = record(t);
    await put(t, stored);
    const answer = await t.claim(t.ask({ id: stored.id }), 'completed');
    assert.deepEqual(
      [answer.attempt, answer.fingerprint, answer.completedAtMs],
      [stored.attempt, stored.fingerprint, stored.completedAtMs],
    );
  }),
  putting('already', 'the token of a completed record that was put is told already', async (t) => {
    const stored = record(t);
    await put(t, stored);
    await t.complete({ id: stored.id, token: stored.token ?? '' }, 'already');
  }),
  putting('equal-revision', 'an equal revision is kept as it is', async (t) => {
    const stored = record(t);
    await put(t, stored);
    await t.unchanged(stored, () => put(t, { ...stored, attempt: 9, outcome: t.answer() }, 'kept'));
  }),
  putting('lower-revision', 'a lower revision changes nothing', async (t) => {
    const stored = record(t);
    await put(t, stored);
    await t.unchanged(stored, () =>
      put(t, unfinished(t, { id: stored.id, state: 'open', revision: 6, token: null }), 'kept'),
    );
  }),
  putting('higher-revision', 'a higher revision replaces the whole record', async (t) => {
    const stored = record(t);
    await put(t, stored);
    const outcome = t.answer();
    await put(t, record(t, { id: stored.id, revision: 8, attempt: 4, outcome, replayCount: 0, timeline: [] }));
    const { attempt, revision, replayCount, timeline } = await t.read(stored);
    assert.deepEqual([attempt, revision, replayCount, timeline.length], [4, 8, 0, 0]);
    await t.expectOutcome(t.ask({ id: stored.id }), outcome);
  }),
  putting('over-in-progress', 'a completed record of a higher revision replaces one in progress', async (t) => {
    const ask = await t.inProgress();
    await put(t, record(t, { id: ask.id, revision: 50 }));
    await t.complete(ask, 'lost');
    await t.expectState(ask, 'completed');
  }),
  putting('in-progress', 'a record in progress keeps its owner and what is left of its lease', async (t) => {
    const stored = unfinished(t, { state: 'in-progress', leaseLeftMs: long, retentionLeftMs: null });
    await put(t, stored);
    const { leaseLeftMs, attempt } = await t.claim(t.ask({ id: stored.id }), 'in-progress');
    assert.ok(attempt === 3 && leaseLeftMs > long / 2 && leaseLeftMs <= long);
    await t.complete({ id: stored.id, token: stored.token ?? '' }, 'stored');
  }),
  putting('in-progress-lease-over', 'the lease of a record that was put ends', async (t) => {
    const stored = unfinished(t, { state: 'in-progress', leaseLeftMs: short, retentionLeftMs: null });
    await put(t, stored);
    await t.passShort();
    await t.expectState(stored, 'abandoned');
    await t.grant(t.ask({ id: stored.id, fingerprint: stored.fingerprint }), 4);
  }),
  putting('abandoned', 'an abandoned record is abandoned still', async (t) => {
    const stored = unfinished(t, { state: 'abandoned' });
    await put(t, stored);
    await t.expectState(stored, 'abandoned');
    const hold = { id: stored.id, fingerprint: stored.fingerprint, ifAbandoned: 'hold' } as const;
    assert.equal((await t.claim(t.ask(hold), 'abandoned')).attempt, 3);
    await t.grant(t.ask({ ...hold, ifAbandoned: 'rerun' }), 4);
  }),
  putting('open', 'an open record that was put is granted as the next attempt with its steps', async (t) => {
    const bytes = Uint8Array.of(9, 0, 9);
    const steps = [
      { name: 'b', bytes },
      { name: 'a', bytes: new Uint8Array() },
    ];
    const stored = unfinished(t, { state: 'open', token: null, steps });
    await put(t, stored);
    const granted = await t.grant(t.ask({ id: stored.id, fingerprint: stored.fingerprint, ifAbandoned: 'hold' }), 4);
    assert.deepEqual(
      granted.steps.map(({ name }) => name),
      ['b', 'a'],
    );
    sameBytes(granted.steps[0]?.bytes, bytes);
  }),
  putting('erased', 'a tombstone is a tombstone still', async (t) => {
    const outcome = { kind: 'not-kept', reason: 'erased', status: null, headers: [] } as const;
    const stored = record(t, { state: 'erased', outcome, token: null, fingerprint: null });
    await put(t, stored);
    await t.expectState(stored, 'erased');
    await t.claim(t.ask({ id: stored.id }), 'completed');
  }),
  putting('retention', 'what is left of the retention counts from now', async (t) => {
    const stored = record(t, { retentionLeftMs: short });
    await put(t, stored);
    await t.passShort();
    await t.expectState(stored, 'absent');
  }),
  putting('for-ever', 'a record for ever stays', async (t) => {
    const stored = record(t, { retentionLeftMs: null });
    await put(t, stored);
    await t.passAges();
    await t.expectState(stored, 'completed');
  }),
  putting('over-expired', 'a record whose end has come does not stand in the way of a lower revision', async (t) => {
    const stored = record(t, { retentionLeftMs: short });
    await put(t, stored);
    await t.passShort();
    await put(t, { ...stored, revision: 1, retentionLeftMs: long });
    await t.expectState(stored, 'completed');
  }),
  putting('goes-on', 'the revision of a record that was put goes on from there', async (t) => {
    const stored = unfinished(t, { state: 'in-progress', leaseLeftMs: long, retentionLeftMs: null });
    await put(t, stored);
    await t.complete({ id: stored.id, token: stored.token ?? '' }, 'stored');
    assert.equal((await t.read(stored)).revision, 8);
  }),
  putting('copy', 'a record read from one id and put under another is the same but for the id', async (t) => {
    const ask = await t.completed();
    const copy = { ...(await t.read(ask)), id: t.id() };
    await put(t, copy);
    const { attempt, token, fingerprint, state } = await t.read(copy);
    assert.deepEqual([attempt, token, fingerprint, state], [1, ask.token, ask.fingerprint, 'completed']);
  }),
  putting('bytes-copied', 'a buffer that is reused after put changes no stored body', async (t) => {
    const body = Uint8Array.of(1, 2, 3);
    const stored = record(t, { outcome: t.answer({ body }) });
    await put(t, stored);
    body.fill(0);
    const { outcome } = await t.read(stored);
    assert.ok(outcome?.kind === 'answer');
    sameBytes(outcome.body, Uint8Array.of(1, 2, 3));
  }),
];
