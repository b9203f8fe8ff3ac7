/** The contract under concurrency: however many ask at once, one is granted and one outcome stands (I1, I2). */
import assert from 'node:assert/strict';
import type { ClaimAnswer, ClaimAsk } from '../../core/store.ts';
import { sameOutcome, type CaseContext, type CaseDefinition } from './case.ts';

async function allClaim(t: CaseContext, asks: readonly ClaimAsk[]): Promise<ClaimAnswer[]> {
  return Promise.all(asks.map(async (ask) => t.store.claim(ask)));
}

function counts(answers: readonly { readonly kind: string }[]): Record<string, number> {
  const count: Record<string, number> = {};
  for (const { kind } of answers) count[kind] = (count[kind] ?? 0) + 1;
  return count;
}

function rivals(t: CaseContext, ask: ClaimAsk, many: number, over: Partial<ClaimAsk> = {}): ClaimAsk[] {
  return Array.from({ length: many }, () => t.other(ask, over));
}

/** Cases of concurrency. */
export const concurrencyCases: readonly CaseDefinition[] = [
  {
    id: 'concurrent-claims',
    name: 'of fifty claims at once one is granted and the others are told in-progress',
    async run(t) {
      const answers = await allClaim(t, rivals(t, t.ask(), 50));
      assert.deepEqual(counts(answers), { granted: 1, 'in-progress': 49 });
    },
  },
  {
    id: 'concurrent-claims-one-token',
    name: 'of ten claims at once by one token all are granted as attempt 1',
    async run(t) {
      const ask = t.ask();
      const answers = await allClaim(
        t,
        Array.from({ length: 10 }, () => ask),
      );
      assert.deepEqual(
        answers.map(({ kind }) => kind),
        Array.from({ length: 10 }, () => 'granted'),
      );
      assert.equal((await t.read(ask)).attempt, 1);
    },
  },
  {
    id: 'concurrent-claims-many-ids',
    name: 'claims of fifty records at once are all granted',
    async run(t) {
      const answers = await allClaim(
        t,
        Array.from({ length: 50 }, () => t.ask()),
      );
      assert.deepEqual(counts(answers), { granted: 50 });
    },
  },
  {
    id: 'concurrent-claims-mixed',
    name: 'of five rivals for each of ten records, all sent at once, one each is granted',
    async run(t) {
      const asks = Array.from({ length: 10 }, () => t.ask());
      const answers = await allClaim(
        t,
        asks.flatMap((ask) => rivals(t, ask, 5)),
      );
      assert.deepEqual(counts(answers), { granted: 10, 'in-progress': 40 });
    },
  },
  {
    id: 'concurrent-takeovers',
    name: 'of twenty takeovers at once one is granted, as attempt 2',
    async run(t) {
      const ask = await t.abandoned();
      const answers = await allClaim(t, rivals(t, ask, 20));
      assert.deepEqual(counts(answers), { granted: 1, 'in-progress': 19 });
      assert.equal((await t.read(ask)).attempt, 2);
    },
  },
  {
    id: 'concurrent-open-claims',
    name: 'of twenty claims of an open record at once one is granted, as attempt 2',
    async run(t) {
      const ask = await t.open();
      const answers = await allClaim(t, rivals(t, ask, 20, { ifAbandoned: 'hold' }));
      assert.deepEqual(counts(answers), { granted: 1, 'in-progress': 19 });
      assert.equal((await t.read(ask)).attempt, 2);
    },
  },
  {
    id: 'concurrent-expired-claims',
    name: 'of twenty claims at once after the retention one is granted, as attempt 1',
    async run(t) {
      const ask = await t.completed({}, t.answer(), 0);
      await t.passShort();
      const answers = await allClaim(t, rivals(t, ask, 20));
      assert.deepEqual(counts(answers), { granted: 1, 'in-progress': 19 });
      assert.equal((await t.read(ask)).attempt, 1);
    },
  },
  {
    id: 'concurrent-completes-one-token',
    name: 'of ten completions at once by one token one is stored, the others are told already, and one outcome stands',
    async run(t) {
      const ask = await t.inProgress();
      const outcomes = Array.from({ length: 10 }, () => t.answer());
      const answers = await Promise.all(
        outcomes.map(async (outcome) => t.store.complete({ ...ask, outcome, retentionMs: 60_000 })),
      );
      assert.deepEqual(counts(answers), { stored: 1, already: 9 });
      const stored = outcomes[answers.findIndex(({ kind }) => kind === 'stored')];
      assert.ok(stored !== undefined);
      sameOutcome((await t.read(ask)).outcome, stored);
    },
  },
  {
    id: 'concurrent-late-complete-and-takeover',
    name: 'of a late completion and a takeover at once exactly one prevails',
    async run(t) {
      const ask = await t.abandoned();
      const next = t.other(ask);
      const [completion, claim] = await Promise.all([
        (async () => t.store.complete({ ...ask, outcome: t.answer(), retentionMs: 60_000 }))(),
        (async () => t.store.claim(next))(),
      ]);
      const pair = `${completion.kind} and ${claim.kind}`;
      assert.ok(['stored and completed', 'lost and granted'].includes(pair), pair);
      await t.expectState(ask, completion.kind === 'stored' ? 'completed' : 'in-progress');
    },
  },
  {
    id: 'concurrent-complete-and-release',
    name: 'of complete and release by one token at once exactly one prevails',
    async run(t) {
      const ask = await t.inProgress();
      const [completion, release] = await Promise.all([
        (async () => t.store.complete({ ...ask, outcome: t.answer(), retentionMs: 60_000 }))(),
        (async () => t.store.release(ask.id, ask.token, 60_000))(),
      ]);
      const pair = `${completion.kind} and ${release.kind}`;
      assert.ok(['stored and lost', 'lost and released'].includes(pair), pair);
      await t.expectState(ask, completion.kind === 'stored' ? 'completed' : 'absent');
    },
  },
  {
    id: 'concurrent-late-extend-and-takeover',
    name: 'of a late extension and a takeover at once exactly one prevails',
    async run(t) {
      const ask = await t.abandoned();
      const [extension, claim] = await Promise.all([
        (async () => t.store.extend(ask.id, ask.token, 60_000))(),
        (async () => t.store.claim(t.other(ask)))(),
      ]);
      const pair = `${extension.kind} and ${claim.kind}`;
      assert.ok(['kept and in-progress', 'lost and granted'].includes(pair), pair);
    },
  },
  {
    id: 'concurrent-steps',
    name: 'twenty steps saved at once are all kept',
    async run(t) {
      const ask = await t.inProgress();
      const names = Array.from({ length: 20 }, (_, index) => `step-${index}`);
      const answers = await Promise.all(
        names.map(async (name) => t.store.saveStep(ask.id, ask.token, { name, bytes: Buffer.from(name) })),
      );
      assert.deepEqual(counts(answers), { stored: 20 });
      const kept = (await t.read(ask)).steps.map(({ name }) => name);
      assert.deepEqual(kept.toSorted(), names.toSorted());
    },
  },
  {
    id: 'concurrent-resolves',
    name: 'of ten operators who saw the same revision one resolves',
    needs: ['resolve'],
    async run(t) {
      const ask = await t.abandoned();
      const { revision } = await t.read(ask);
      const decision = { kind: 'rerun', keepMs: 60_000 } as const;
      const answers = await Promise.all(
        Array.from({ length: 10 }, async (_, index) =>
          t.store.resolve({ id: ask.id, seenRevision: revision, decision, by: `operator ${index}` }),
        ),
      );
      assert.deepEqual(counts(answers), { resolved: 1, changed: 9 });
    },
  },
  {
    id: 'concurrent-conflict-notes',
    name: 'twenty conflicts noted at once are all counted',
    needs: ['note'],
    async run(t) {
      const ask = await t.completed();
      const conflict = { id: ask.id, kind: 'conflict' } as const;
      await Promise.all(
        Array.from({ length: 20 }, async () => t.store.note([{ ...conflict, fingerprint: t.fingerprint() }])),
      );
      assert.equal((await t.read(ask)).conflictCount, 20);
    },
  },
];
