/** The contract of `resolve`: an operator decides about what he saw, and that is remembered (I8, I15). */
import assert from 'node:assert/strict';
import type { ClaimAsk, ResolveAnswer, ResolveAsk } from '../../core/store.ts';
import { long, short, type CaseContext, type CaseDefinition } from './case.ts';

const needs = ['resolve'] as const;
const rerun = { kind: 'rerun', keepMs: long } as const;

async function resolve(
  t: CaseContext,
  { id }: ClaimAsk,
  decision: ResolveAsk['decision'],
  kind: ResolveAnswer['kind'],
  seenRevision?: number,
): Promise<void> {
  const revision = seenRevision ?? (await t.store.read(id))?.revision ?? 1;
  const answer = await t.store.resolve({ id, seenRevision: revision, decision, by: 'ada' });
  assert.equal(answer.kind, kind, `resolve must answer ${kind}`);
}

function resolving(id: string, name: string, run: (t: CaseContext) => Promise<void>): CaseDefinition {
  return { id: `resolve-${id}`, name, needs, run };
}

/** Cases of `resolve`. */
export const resolveCases: readonly CaseDefinition[] = [
  resolving('rerun', 'rerun opens an abandoned record for the next attempt', async (t) => {
    const ask = await t.abandoned({ ifAbandoned: 'hold' });
    await resolve(t, ask, rerun, 'resolved');
    assert.deepEqual([(await t.read(ask)).state, (await t.read(ask)).token], ['open', null]);
    await t.grant(t.other(ask, { ifAbandoned: 'hold' }), 2);
  }),
  resolving('rerun-steps', 'rerun keeps the steps', async (t) => {
    const ask = await t.abandoned();
    await t.step(ask, 'charge', Uint8Array.of(1));
    await resolve(t, ask, rerun, 'resolved');
    assert.equal((await t.grant(t.other(ask), 2)).steps.length, 1);
  }),
  resolving('rerun-old-owner', 'after rerun the old owner completes, extends and saves nothing', async (t) => {
    const ask = await t.abandoned();
    await resolve(t, ask, rerun, 'resolved');
    await t.unchanged(ask, async () => {
      await t.complete(ask, 'lost');
      await t.extend(ask, 'lost');
      await t.step(ask, 'late', Uint8Array.of(1), 'lost');
    });
  }),
  resolving('rerun-keep', 'a record opened by rerun vanishes after its keep', async (t) => {
    const ask = await t.abandoned();
    await resolve(t, ask, { kind: 'rerun', keepMs: short }, 'resolved');
    await t.passShort();
    await t.expectState(ask, 'absent');
  }),
  resolving('outcome', 'an outcome given by an operator is what others get', async (t) => {
    const ask = await t.abandoned();
    const outcome = t.answer();
    await resolve(t, ask, { kind: 'outcome', outcome, retentionMs: long }, 'resolved');
    await t.expectState(ask, 'completed');
    await t.expectOutcome(ask, outcome);
  }),
  resolving('outcome-old-owner', "the old owner does not replace the operator's outcome", async (t) => {
    const ask = await t.abandoned();
    const outcome = t.answer();
    await resolve(t, ask, { kind: 'outcome', outcome, retentionMs: long }, 'resolved');
    await t.complete(ask, 'lost');
    await t.expectOutcome(ask, outcome);
  }),
  resolving('outcome-retention', "the operator's outcome answers for its retention", async (t) => {
    const ask = await t.abandoned({ keepMs: null });
    await resolve(t, ask, { kind: 'outcome', outcome: t.answer(), retentionMs: short }, 'resolved');
    await t.passShort();
    await t.expectState(ask, 'absent');
  }),
  resolving('revision', 'resolving raises the revision by one', async (t) => {
    const ask = await t.abandoned();
    const { revision } = await t.read(ask);
    await resolve(t, ask, rerun, 'resolved');
    assert.equal((await t.read(ask)).revision, revision + 1);
  }),
  resolving('audited', 'the timeline tells who resolved and how', async (t) => {
    const [one, two] = [await t.abandoned(), await t.abandoned()];
    await resolve(t, one, rerun, 'resolved');
    await resolve(t, two, { kind: 'outcome', outcome: t.answer(), retentionMs: long }, 'resolved');
    const details = [];
    for (const ask of [one, two]) {
      details.push((await t.read(ask)).timeline.find(({ what }) => what === 'resolved')?.detail ?? '');
    }
    assert.ok(
      details.every((detail) => detail.includes('ada')),
      'who',
    );
    assert.match(details[0] ?? '', /rerun/);
    assert.match(details[1] ?? '', /outcome/);
  }),
  resolving('lower-revision', 'another revision than the one seen changes nothing', async (t) => {
    const ask = await t.abandoned();
    const { revision } = await t.read(ask);
    await t.unchanged(ask, async () => {
      await resolve(t, ask, rerun, 'changed', revision - 1);
      await resolve(t, ask, rerun, 'changed', revision + 1);
    });
  }),
  resolving('no-revision', 'a revision that no record ever has changes nothing', async (t) => {
    const ask = await t.abandoned();
    await t.unchanged(ask, async () => {
      for (const revision of [-1, 0, 2 ** 32, Number.MAX_SAFE_INTEGER])
        await resolve(t, ask, rerun, 'changed', revision);
    });
    await resolve(t, t.ask(), rerun, 'absent', -1);
  }),
  resolving('twice', 'the same operator twice resolves once', async (t) => {
    const ask = await t.abandoned();
    const { revision } = await t.read(ask);
    await resolve(t, ask, rerun, 'resolved', revision);
    await resolve(t, ask, rerun, 'changed', revision);
  }),
  resolving('taken-over', 'after a takeover the revision seen before changes nothing', async (t) => {
    const ask = await t.abandoned();
    const { revision } = await t.read(ask);
    await t.grant(t.other(ask), 2);
    await t.unchanged(ask, () => resolve(t, ask, rerun, 'changed', revision));
  }),
  resolving('in-progress', 'a record in progress is not resolved', async (t) => {
    const ask = await t.inProgress();
    await t.unchanged(ask, () => resolve(t, ask, rerun, 'changed'));
  }),
  resolving('extended', 'a record whose late owner came back is not resolved', async (t) => {
    const ask = await t.abandoned();
    const { revision } = await t.read(ask);
    await t.extend(ask, 'kept');
    await resolve(t, ask, rerun, 'changed', revision);
  }),
  resolving('completed', 'a completed record is not resolved (I2)', async (t) => {
    const ask = await t.completed();
    await t.unchanged(ask, () =>
      resolve(t, ask, { kind: 'outcome', outcome: t.answer(), retentionMs: long }, 'changed'),
    );
  }),
  resolving('open', 'an open record is not resolved', async (t) => {
    const ask = await t.open();
    await t.unchanged(ask, () => resolve(t, ask, rerun, 'changed'));
  }),
  resolving('absent', 'an absent record is absent', async (t) => {
    const ask = t.ask();
    await resolve(t, ask, rerun, 'absent');
    await t.expectState(ask, 'absent');
  }),
  resolving('vanished', 'an abandoned record whose keep is over is absent', async (t) => {
    await resolve(t, await t.abandoned({ keepMs: 0 }), rerun, 'absent');
  }),
];
