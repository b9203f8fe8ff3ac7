/** A finished record in memory is one string: whatever was in it comes back the same, and what has no place in it stays right too. */
import { describe, expect, test } from 'vitest';
import type { Outcome } from '../../src/core/outcome.ts';
import type { ClaimAnswer, ClaimAsk, Labels } from '../../src/core/store.ts';
import { memory } from '../../src/stores/memory.ts';
import { virtualClock } from '../../src/testing/index.ts';

const hour = 3_600_000;
const bare: Labels = {
  scope: [],
  operation: null,
  key: '',
  owner: null,
  method: null,
  path: null,
  eventId: null,
};

function ask(over: Partial<ClaimAsk> = {}): ClaimAsk {
  const claim = { id: 'a'.repeat(64), token: 'first', leaseMs: hour, ifAbandoned: 'rerun', keepMs: hour } as const;
  return { ...claim, fingerprint: null, labels: bare, ...over };
}

/** What a retry is told and what a reader sees of a record completed with `outcome`. */
function kept(outcome: Outcome, over: Partial<ClaimAsk> = {}) {
  const store = memory({ clock: virtualClock() });
  const claim = ask(over);
  store.claim(claim);
  store.complete({ id: claim.id, token: claim.token, outcome, retentionMs: hour });
  return { answer: store.claim({ ...claim, token: 'second' }), record: store.read(claim.id), store };
}

function outcomeIn(answer: ClaimAnswer): Outcome | undefined {
  return answer.kind === 'completed' ? answer.outcome : undefined;
}

/** With the bytes as numbers: who holds them, a Buffer or a plain array, is no matter. */
function plainly(outcome: Outcome | null | undefined): unknown {
  return outcome && 'body' in outcome ? { ...outcome, body: [...outcome.body] } : outcome;
}

const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
const outcomes: readonly Outcome[] = [
  { kind: 'answer', status: 200, headers: [], body: new Uint8Array() },
  { kind: 'answer', status: 201, headers: [['Location', '/x']], body: bytes },
  { kind: 'answer', status: 253, headers: [['a', '']], body: Uint8Array.of(254, 255, 0) },
  { kind: 'answer', status: 254, headers: [['b', 'x'.repeat(253)]], body: bytes },
  { kind: 'answer', status: 422, headers: [['c', 'x'.repeat(254)]], body: bytes },
  { kind: 'answer', status: 599, headers: [['d', 'y'.repeat(70_000)]], body: new Uint8Array(4096).fill(255) },
  { kind: 'answer', status: 200, headers: Array.from({ length: 300 }, (_, at) => [`n${at}`, `${at}`]), body: bytes },
  { kind: 'answer', status: 200, headers: [], body: new Uint8Array(4097).fill(7) },
  { kind: 'value', body: bytes, label: null, refs: [], details: null },
  { kind: 'value', body: bytes, label: '', refs: [{ kind: 'order', id: '' }], details: { deep: [1, null, 'é€'] } },
  { kind: 'value', body: new Uint8Array(), label: 'accepted', refs: [{ kind: '€', id: '\0' }], details: false },
  { kind: 'failure', name: 'Error', message: '' },
  { kind: 'failure', name: '', message: 'no\nway €' },
  { kind: 'not-kept', reason: 'oversize', status: null, headers: [] },
  { kind: 'not-kept', reason: 'stream', status: 200, headers: [['e', 'f']] },
];

const labels: readonly Labels[] = [
  bare,
  { ...bare, scope: [''], key: '\0\0', path: '' },
  { scope: ['é', '€'], operation: 'o', key: 'k€', owner: 'w', method: 'POST', path: '/p', eventId: 'e' },
  { ...bare, scope: Array.from({ length: 260 }, (_, at) => `part ${at}`), key: 'k'.repeat(255), eventId: 'þÿ' },
];

describe('what was stored comes back', () => {
  const cases = outcomes.flatMap((outcome, row) => labels.map((one, column) => ({ outcome, one, row, column })));
  test.for(cases)('outcome $row with labels $column', ({ outcome, one }) => {
    const fingerprint = 't1:' + 'f'.repeat(64);
    const { answer, record, store } = kept(outcome, { fingerprint, labels: one });
    expect(answer).toMatchObject({ kind: 'completed', fingerprint, attempt: 1 });
    expect(plainly(outcomeIn(answer))).toEqual(plainly(outcome));
    expect(plainly(record?.outcome)).toEqual(plainly(outcome));
    expect(record).toMatchObject({ state: 'completed', token: 'first', fingerprint, labels: one, revision: 2 });
    const page = store.list({ limit: 1, scope: one.scope, key: one.key });
    expect(page.records.map((listed) => listed.labels)).toEqual([one]);
  });
});

describe('a record that has a history', () => {
  const outcome = outcomes[1] as Outcome;

  test('one that was noted answers as before, and tells what was noted', () => {
    const { store } = kept(outcome);
    store.note([{ id: ask().id, kind: 'replay', count: 2 }]);
    const answer = store.claim(ask({ token: 'third' }));
    expect(plainly(outcomeIn(answer))).toEqual(plainly(outcome));
    expect(store.read(ask().id)).toMatchObject({ replayCount: 2, revision: 2, retentionLeftMs: hour });
  });

  test('one that was taken over keeps its attempt', async () => {
    const clock = virtualClock();
    const store = memory({ clock });
    store.claim(ask({ leaseMs: 10 }));
    await clock.advance(20);
    store.claim(ask({ token: 'second' }));
    store.complete({ id: ask().id, token: 'second', outcome, retentionMs: null });
    expect(store.claim(ask({ token: 'third' }))).toMatchObject({ kind: 'completed', attempt: 2 });
    expect(store.read(ask().id)).toMatchObject({ token: 'second', revision: 3, retentionLeftMs: null });
  });

  test('one that was written by another store is the same here', () => {
    const { record } = kept(outcome);
    const warmed = memory({ clock: virtualClock() });
    expect(record && warmed.put(record)).toEqual({ kind: 'put' });
    expect(warmed.read(ask().id)).toEqual(record);
    expect(record && warmed.put(record)).toEqual({ kind: 'kept' });
  });
});

test('many records come, are asked for and go, and each answers for itself', async () => {
  const clock = virtualClock();
  const store = memory({ clock, maxRecords: 300 });
  const idOf = (number: number): string => number.toString(16).padStart(64, '0');
  for (let number = 0; number < 2000; number++) {
    const id = idOf(number);
    store.claim(ask({ id, token: `${number}` }));
    const body = Buffer.from(`body ${number}`);
    const outcome = { kind: 'answer', status: 200, headers: [], body } as const;
    if (number % 3 === 0) store.release(id, `${number}`, hour);
    else store.complete({ id, token: `${number}`, outcome, retentionMs: number % 5 === 0 ? 5 : hour });
    if (number % 7 === 0) await clock.advance(1);
    const known = number - 100;
    const record = store.read(known < 0 ? 'none' : idOf(known));
    const text = record?.outcome?.kind === 'answer' ? Buffer.from(record.outcome.body).toString() : undefined;
    const isGone = known < 0 || known % 3 === 0 || known % 5 === 0;
    expect(text).toBe(isGone ? undefined : `body ${known}`);
  }
});
