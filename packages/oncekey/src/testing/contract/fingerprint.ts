/** The contract of fingerprints: kept as given, and deciding who may continue what another began (I6). */
import assert from 'node:assert/strict';
import type { Fingerprint } from '../../core/store.ts';
import type { CaseContext, CaseDefinition } from './case.ts';

interface Pairing {
  readonly id: string;
  readonly says: string;
  readonly stored: Fingerprint | null;
  readonly asked: Fingerprint | null;
  readonly agree: boolean;
  readonly keeps: Fingerprint | null;
}

const pairings: readonly Pairing[] = [
  { id: 'equal', says: 'an equal fingerprint', stored: 't1:a', asked: 't1:a', agree: true, keeps: 't1:a' },
  { id: 'differing', says: 'a differing fingerprint', stored: 't1:a', asked: 't1:b', agree: false, keeps: 't1:a' },
  {
    id: 'case',
    says: 'a fingerprint that differs in case',
    stored: 't1:a',
    asked: 't1:A',
    agree: false,
    keeps: 't1:a',
  },
  { id: 'space', says: 'a fingerprint with a space more', stored: 't1:a', asked: 't1:a ', agree: false, keeps: 't1:a' },
  { id: 'asked-null', says: 'no fingerprint', stored: 't1:a', asked: null, agree: true, keeps: 't1:a' },
  {
    id: 'stored-null',
    says: 'a fingerprint where none is stored',
    stored: null,
    asked: 't1:a',
    agree: true,
    keeps: 't1:a',
  },
  { id: 'both-null', says: 'no fingerprint where none is stored', stored: null, asked: null, agree: true, keeps: null },
  {
    id: 'foreign',
    says: 'any fingerprint where a foreign one is stored',
    stored: 'foreign:x',
    asked: 't1:a',
    agree: true,
    keeps: 'foreign:x',
  },
  {
    id: 'asked-foreign',
    says: 'a foreign fingerprint where another is stored',
    stored: 't1:a',
    asked: 'foreign:x',
    agree: false,
    keeps: 't1:a',
  },
];

const longest = `t1:${'f'.repeat(252)}`;

/** Cases of fingerprints. */
export const fingerprintCases: readonly CaseDefinition[] = [
  ...pairings.map((pairing) => takeover(pairing)),
  ...pairings.map((pairing) => reopening(pairing)),
  {
    id: 'fingerprint-longest',
    name: 'a fingerprint of 255 characters comes back whole',
    async run(t) {
      const ask = await t.completed({ fingerprint: longest });
      assert.equal((await t.claim(t.other(ask), 'completed')).fingerprint, longest);
    },
  },
  {
    id: 'fingerprint-longest-last-digit',
    name: 'fingerprints that differ only in the 255th character differ',
    async run(t) {
      const ask = await t.abandoned({ fingerprint: longest });
      await t.claim(t.other(ask, { fingerprint: `${longest.slice(0, -1)}0` }), 'abandoned');
    },
  },
];

function takeover({ id, says, stored, asked, agree, keeps }: Pairing): CaseDefinition {
  return {
    id: `fingerprint-takeover-${id}`,
    name: `${says} ${agree ? 'takes' : 'does not take'} an abandoned record over`,
    async run(t) {
      const ask = await t.abandoned({ fingerprint: stored });
      await expectContinued(t, t.other(ask, { fingerprint: asked }), agree, stored);
      assert.equal((await t.read(ask)).fingerprint, keeps);
    },
  };
}

function reopening({ id, says, stored, asked, agree, keeps }: Pairing): CaseDefinition {
  return {
    id: `fingerprint-open-${id}`,
    name: `${says} ${agree ? 'continues' : 'does not continue'} an open record`,
    async run(t) {
      const ask = await t.open({ fingerprint: stored });
      await expectContinued(t, t.other(ask, { fingerprint: asked, ifAbandoned: 'hold' }), agree, stored);
      assert.equal((await t.read(ask)).fingerprint, keeps);
    },
  };
}

async function expectContinued(
  t: CaseContext,
  ask: Parameters<CaseContext['grant']>[0],
  agree: boolean,
  stored: Fingerprint | null,
): Promise<void> {
  if (agree) {
    await t.grant(ask, 2);
    return;
  }
  const answer = await t.claim(ask, 'abandoned');
  assert.equal(answer.fingerprint, stored);
  assert.equal(answer.attempt, 1);
}
