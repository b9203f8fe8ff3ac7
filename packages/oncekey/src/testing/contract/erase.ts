/** The contract of `erase`: what was personal is gone, and a tombstone says that the work was done (I14). */
import assert from 'node:assert/strict';
import { erasedOutcome } from '../../core/outcome.ts';
import type { ClaimAsk, EraseAnswer } from '../../core/store.ts';
import { long, sameOutcome, short, type CaseContext, type CaseDefinition } from './case.ts';

const needs = ['erase'] as const;

async function erase(
  t: CaseContext,
  { id }: ClaimAsk,
  kind: EraseAnswer['kind'] = 'erased',
  keepMs: number | null = long,
): Promise<void> {
  assert.equal((await t.store.erase(id, keepMs)).kind, kind, `erase must answer ${kind}`);
}

function erasing(id: string, name: string, run: (t: CaseContext) => Promise<void>): CaseDefinition {
  return { id: `erase-${id}`, name, needs, run };
}

async function expectTombstone(t: CaseContext, ask: ClaimAsk): Promise<void> {
  await t.expectState(ask, 'erased');
  const answer = await t.claim(t.other(ask, { fingerprint: t.fingerprint() }), 'completed');
  sameOutcome(answer.outcome, erasedOutcome);
  assert.equal(answer.fingerprint, null);
}

/** Cases of `erase`. */
export const eraseCases: readonly CaseDefinition[] = [
  erasing('completed', 'a completed record becomes a tombstone that answers every claim', async (t) => {
    const ask = await t.completed();
    await erase(t, ask);
    await expectTombstone(t, ask);
  }),
  erasing('abandoned', 'an abandoned record becomes a tombstone and does not run again', async (t) => {
    const ask = await t.abandoned();
    await erase(t, ask);
    await expectTombstone(t, ask);
  }),
  erasing('open', 'an open record becomes a tombstone and does not run again', async (t) => {
    const ask = await t.open();
    await erase(t, ask);
    await expectTombstone(t, ask);
  }),
  erasing('again', 'a tombstone may be erased again', async (t) => {
    const ask = await t.completed();
    await erase(t, ask);
    await erase(t, ask);
    await expectTombstone(t, ask);
  }),
  erasing('in-progress', 'a record in progress is not erased', async (t) => {
    const ask = await t.inProgress();
    await t.unchanged(ask, () => erase(t, ask, 'in-progress'));
    await t.complete(ask, 'stored');
  }),
  erasing('absent', 'an absent record is absent, and no tombstone comes of it', async (t) => {
    const ask = t.ask();
    await erase(t, ask, 'absent');
    await t.grant(ask, 1);
  }),
  erasing('expired', 'a record whose retention is over is absent', async (t) => {
    const ask = await t.completed({}, t.answer(), short);
    await t.passShort();
    await erase(t, ask, 'absent');
  }),
  erasing('labels', 'of the labels only scope and operation stay', async (t) => {
    const ask = await t.completed();
    await erase(t, ask);
    const { labels } = await t.read(ask);
    const { scope, operation } = ask.labels;
    const left = { scope, operation, key: '', owner: null, method: null, path: null, eventId: null };
    assert.deepEqual({ ...labels, scope: [...labels.scope] }, left);
  }),
  erasing('steps', 'the steps are gone', async (t) => {
    const ask = await t.open();
    await erase(t, ask);
    assert.deepEqual([...(await t.read(ask)).steps], []);
  }),
  erasing('fingerprint', 'the fingerprint is gone', async (t) => {
    const ask = await t.completed();
    await erase(t, ask);
    assert.equal((await t.read(ask)).fingerprint, null);
  }),
  erasing('nothing-left', 'neither key, owner, body nor header is left anywhere in the record', async (t) => {
    const secret = `secret-${t.random.hex(16)}`;
    const labels = t.labels({ key: secret, owner: secret, path: `/${secret}`, eventId: secret });
    const outcome = t.answer({ headers: [['location', secret]], body: Buffer.from(secret) });
    const ask = await t.completed({ labels, fingerprint: `t1:${secret}` }, outcome);
    await erase(t, ask);
    assert.ok(!JSON.stringify(await t.read(ask)).includes(secret));
  }),
  erasing('revision', 'erasing raises the revision by one', async (t) => {
    const ask = await t.completed();
    const { revision } = await t.read(ask);
    await erase(t, ask);
    assert.equal((await t.read(ask)).revision, revision + 1);
  }),
  erasing('timeline', 'the timeline tells that it was erased', async (t) => {
    const ask = await t.completed();
    await erase(t, ask);
    assert.ok((await t.read(ask)).timeline.some(({ what }) => what === 'erased'));
  }),
  erasing('keep', 'a tombstone stays for its keep, whatever the retention was', async (t) => {
    const ask = await t.completed({}, t.answer(), null);
    await erase(t, ask, 'erased', short);
    await t.passShort();
    await t.expectState(ask, 'absent');
    await t.grant(t.other(ask), 1);
  }),
  erasing('keep-longer', 'a tombstone outlives the retention of what was erased', async (t) => {
    const ask = await t.completed();
    await erase(t, ask, 'erased', 20 * long);
    const { retentionLeftMs } = await t.read(ask);
    assert.ok(retentionLeftMs !== null && retentionLeftMs > 10 * long);
  }),
  erasing('for-ever', 'a tombstone with keep null stays for ever', async (t) => {
    const ask = await t.completed();
    await erase(t, ask, 'erased', null);
    await t.passAges();
    await expectTombstone(t, ask);
  }),
  erasing('late-owner', 'the old owner of an erased record writes nothing', async (t) => {
    const ask = await t.abandoned();
    await erase(t, ask);
    await t.complete(ask, 'lost');
    await t.extend(ask, 'lost');
    await t.step(ask, 'late', Uint8Array.of(1), 'lost');
    await t.release(ask, 'lost');
    await expectTombstone(t, ask);
  }),
  erasing('late-complete', 'completing again after an erasure brings nothing back', async (t) => {
    const ask = await t.completed();
    await erase(t, ask);
    const { kind } = await t.store.complete({ ...ask, outcome: t.answer(), retentionMs: long });
    assert.notEqual(kind, 'stored');
    await expectTombstone(t, ask);
  }),
  erasing('neighbour', 'the records beside an erased one stay', async (t) => {
    const labels = t.labels();
    const [one, two] = [await t.completed({ labels }), await t.completed({ labels })];
    await erase(t, one);
    await t.expectState(two, 'completed');
  }),
];
