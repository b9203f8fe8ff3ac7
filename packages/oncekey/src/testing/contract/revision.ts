/** The contract of revisions: raised by one at each change that decides something, and only then. */
import assert from 'node:assert/strict';
import type { CaseContext, CaseDefinition } from './case.ts';
import type { ClaimAsk } from '../../core/store.ts';

async function raises(t: CaseContext, ask: ClaimAsk, change: () => Promise<unknown>): Promise<void> {
  const { revision } = await t.read(ask);
  await change();
  assert.equal((await t.read(ask)).revision, revision + 1, 'the revision must be raised by one');
}

/** Cases of revisions. */
export const revisionCases: readonly CaseDefinition[] = [
  {
    id: 'revision-first',
    name: 'a first claim has a whole revision of at least 1',
    async run(t) {
      const { revision } = await t.read(await t.inProgress());
      assert.ok(Number.isSafeInteger(revision) && revision >= 1);
    },
  },
  {
    id: 'revision-complete',
    name: 'complete raises the revision',
    async run(t) {
      const ask = await t.inProgress();
      await raises(t, ask, () => t.complete(ask, 'stored'));
    },
  },
  {
    id: 'revision-takeover',
    name: 'a takeover raises the revision',
    async run(t) {
      const ask = await t.abandoned();
      await raises(t, ask, () => t.grant(t.other(ask), 2));
    },
  },
  {
    id: 'revision-release',
    name: 'release with steps raises the revision',
    async run(t) {
      const ask = await t.inProgress();
      await t.step(ask, 'first', Uint8Array.of(1));
      await raises(t, ask, () => t.release(ask, 'released'));
    },
  },
  {
    id: 'revision-reopened',
    name: 'claiming an open record raises the revision',
    async run(t) {
      const ask = await t.open();
      await raises(t, ask, () => t.grant(t.other(ask), 2));
    },
  },
  {
    id: 'revision-lease-over',
    name: 'the end of a lease raises no revision: nobody decided anything',
    async run(t) {
      const ask = await t.inProgress({ leaseMs: 150 });
      const { revision } = await t.read(ask);
      await t.passShort();
      assert.equal((await t.read(ask)).revision, revision);
    },
  },
];
