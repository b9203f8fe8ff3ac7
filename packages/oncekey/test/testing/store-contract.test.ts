/**
 * The contract is worth what it catches: each bug planted here into a correct store must
 * fail some case, and a correct one none. Also: skips say why, exceptions must exist.
 */
import { describe, expect, test } from 'vitest';
import type { ClaimAsk, Store, StoredRecord, Token } from '../../src/core/store.ts';
import { memory, type MemoryStore } from '../../src/stores/memory.ts';
import { storeContract, virtualClock, type ContractCase } from '../../src/testing/index.ts';

type Plant = (inner: MemoryStore) => Partial<MemoryStore>;

function casesOf(plant: Plant): readonly ContractCase[] {
  return storeContract(async () => {
    const clock = virtualClock();
    const inner = memory({ clock });
    return { store: { ...inner, ...plant(inner) }, clock, close: async () => inner.close() };
  });
}

async function failures(cases: readonly ContractCase[]): Promise<string[]> {
  const failed: string[] = [];
  for (const { id, run } of cases) {
    try {
      await run();
    } catch {
      failed.push(id);
    }
  }
  return failed;
}

/** Changes a record behind the store's back, without raising the revision that others see. */
function tamper(inner: MemoryStore, id: string, change: (record: StoredRecord) => Partial<StoredRecord>): void {
  const record = inner.read(id);
  if (record === undefined) return;
  const { revision } = record;
  inner.put({ ...record, ...change(record), revision: revision + 1 });
}

const currentToken = (inner: MemoryStore, id: string, token: Token): Token => inner.read(id)?.token ?? token;

/** Claims that a bug answers differently; all others are the store's own. */
function claiming(differs: (inner: MemoryStore, ask: ClaimAsk) => ReturnType<MemoryStore['claim']> | undefined): Plant {
  return (inner) => ({ claim: (ask) => differs(inner, ask) ?? inner.claim(ask) });
}

const plants: Readonly<Record<string, Plant>> = {
  'complete without looking at the token': (inner) => ({
    complete: (ask) => inner.complete({ ...ask, token: currentToken(inner, ask.id, ask.token) }),
  }),
  'release by anyone': (inner) => ({
    release: (id, token, keepMs) => inner.release(id, currentToken(inner, id, token), keepMs),
  }),
  'extend by anyone': (inner) => ({
    extend: (id, token, leaseMs) => inner.extend(id, currentToken(inner, id, token), leaseMs),
  }),
  'steps by anyone': (inner) => ({
    saveStep: (id, token, step) => inner.saveStep(id, currentToken(inner, id, token), step),
  }),
  'a takeover keeps the attempt': (inner) => ({
    claim: (ask) => {
      const answer = inner.claim(ask);
      return answer.kind === 'granted' && answer.attempt > 1 ? { ...answer, attempt: answer.attempt - 1 } : answer;
    },
  }),
  'a takeover loses the steps': (inner) => ({
    claim: (ask) => {
      const answer = inner.claim(ask);
      return answer.kind === 'granted' ? { ...answer, steps: [] } : answer;
    },
  }),
  'a takeover despite another fingerprint': (inner) => ({
    claim: (ask) => inner.claim({ ...ask, fingerprint: inner.read(ask.id)?.fingerprint ?? ask.fingerprint }),
  }),
  'hold is not heeded': claiming((inner, ask) => inner.claim({ ...ask, ifAbandoned: 'rerun' })),
  'a live owner is robbed': claiming((inner, ask) => {
    if (inner.read(ask.id)?.state === 'in-progress')
      tamper(inner, ask.id, () => ({ leaseLeftMs: 0, retentionLeftMs: null }));
    return undefined;
  }),
  'the owner who repeats his claim is told in-progress': claiming((inner, ask) => {
    const record = inner.read(ask.id);
    if (record?.state !== 'in-progress' || record.token !== ask.token) return undefined;
    return inner.claim({ ...ask, token: 'somebody else' });
  }),
  'a repeated claim does not renew the lease': claiming((inner, ask) => {
    const record = inner.read(ask.id);
    if (record?.state !== 'in-progress' || record.token !== ask.token) return undefined;
    return { kind: 'granted', attempt: record.attempt, steps: record.attempt === 1 ? [] : record.steps };
  }),
  'a late owner is refused': (inner) => ({
    complete: (ask) => (inner.read(ask.id)?.state === 'abandoned' ? { kind: 'lost' } : inner.complete(ask)),
  }),
  'the second completion wins': (inner) => ({
    complete: (ask) => {
      const answer = inner.complete(ask);
      if (answer.kind === 'already') tamper(inner, ask.id, () => ({ outcome: ask.outcome }));
      return answer;
    },
  }),
  'an abandoned record counts as completed by its first claim': claiming((inner, ask) => {
    if (inner.read(ask.id)?.state === 'abandoned') inner.erase(ask.id, null);
    return undefined;
  }),
  'released at once though steps were saved': (inner) => ({
    release: (id, token, keepMs) => {
      const answer = inner.release(id, token, keepMs);
      if (inner.read(id)?.state === 'open') inner.erase(id, 0);
      return answer;
    },
  }),
  'the retention counts from the claim': (inner) => {
    const lastedMs = 200;
    return { complete: (ask) => inner.complete({ ...ask, retentionMs: (ask.retentionMs ?? 0) - lastedMs }) };
  },
  'an erased record leaves no tombstone': (inner) => ({ erase: (id) => inner.erase(id, 0) }),
  'a live record is erased': (inner) => ({
    erase: (id, keepMs) => {
      tamper(inner, id, ({ state }) => (state === 'in-progress' ? { leaseLeftMs: 0 } : {}));
      return inner.erase(id, keepMs);
    },
  }),
  'an erased record keeps its labels': (inner) => ({
    erase: (id, keepMs) => {
      const labels = inner.read(id)?.labels;
      const answer = inner.erase(id, keepMs);
      if (labels !== undefined) tamper(inner, id, () => ({ labels }));
      return answer;
    },
  }),
  'the sweep takes live records': (inner) => ({
    sweep: (limit) => {
      for (const { id, token } of inner.list({ state: 'in-progress', limit: 1000 }).records) {
        if (token !== null) inner.release(id, token, 0);
      }
      return inner.sweep(limit);
    },
  }),
  'a conflict overwrites the fingerprint': (inner) => ({
    note: (notes) => {
      inner.note(notes);
      for (const note of notes)
        if (note.kind === 'conflict') tamper(inner, note.id, () => ({ fingerprint: note.fingerprint }));
    },
  }),
  'a replay is counted once, whatever its count': (inner) => ({
    note: (notes) => inner.note(notes.map((note) => (note.kind === 'replay' ? { ...note, count: 1 } : note))),
  }),
  'resolve does not look at the revision': (inner) => ({
    resolve: (ask) => inner.resolve({ ...ask, seenRevision: inner.read(ask.id)?.revision ?? 0 }),
  }),
  'resolve forgets who did it': (inner) => ({ resolve: (ask) => inner.resolve({ ...ask, by: '' }) }),
  'list takes the beginning of a scope for the whole': (inner) => ({
    list: ({ scope, ...ask }) => {
      const page = inner.list({ ...ask, limit: 1000 });
      const records = page.records.filter(({ labels }) => (scope ?? []).every((part, at) => labels.scope[at] === part));
      return { records: records.slice(0, ask.limit), cursor: null };
    },
  }),
  'list ends after its first page': (inner) => ({ list: (ask) => ({ ...inner.list(ask), cursor: null }) }),
  'put replaces an equal revision': (inner) => ({
    put: (record) => {
      if (inner.read(record.id)?.revision === record.revision) tamper(inner, record.id, () => record);
      return inner.put(record);
    },
  }),
  'repeated header lines become one': (inner) => ({
    complete: (ask) => {
      const { outcome } = ask;
      if (outcome.kind !== 'answer') return inner.complete(ask);
      return inner.complete({ ...ask, outcome: { ...outcome, headers: [...new Map(outcome.headers)] } });
    },
  }),
  'bodies pass through UTF-8': (inner) => ({
    complete: (ask) => {
      const { outcome } = ask;
      if (outcome.kind !== 'answer') return inner.complete(ask);
      const body = Buffer.from(Buffer.from(outcome.body).toString('utf8'));
      return inner.complete({ ...ask, outcome: { ...outcome, body } });
    },
  }),
  'ids are cut': (inner) => ({
    claim: (ask) => inner.claim({ ...ask, id: ask.id.slice(0, 63) }),
    read: (id) => inner.read(id.slice(0, 63)),
    complete: (ask) => inner.complete({ ...ask, id: ask.id.slice(0, 63) }),
  }),
  'looking comes before claiming, with a pause between': (inner) => ({
    claim: (async (ask: ClaimAsk) => {
      const before = inner.read(ask.id);
      await Promise.resolve();
      if (before !== undefined) return inner.claim(ask);
      inner.claim(ask);
      return { kind: 'granted', attempt: 1, steps: [] };
    }) as unknown as MemoryStore['claim'],
  }),
  'a watcher is never told': () => ({ watch: () => () => {} }),
  'a watcher is told after he has stopped': (inner) => ({
    watch: (id, changed) => {
      inner.watch(id, changed);
      return () => {};
    },
  }),
};

/** The case that must catch each bug; others may too. */
const catchers: Readonly<Record<string, string>> = {
  'complete without looking at the token': 'complete-stranger',
  'release by anyone': 'release-stranger',
  'extend by anyone': 'extend-stranger',
  'steps by anyone': 'step-stranger',
  'a takeover keeps the attempt': 'abandoned-rerun',
  'a takeover loses the steps': 'abandoned-steps-given',
  'a takeover despite another fingerprint': 'fingerprint-takeover-differing',
  'hold is not heeded': 'abandoned-hold',
  'a live owner is robbed': 'claim-in-progress',
  'the owner who repeats his claim is told in-progress': 'claim-again-by-owner',
  'a repeated claim does not renew the lease': 'claim-again-fresh-lease',
  'a late owner is refused': 'complete-late',
  'the second completion wins': 'complete-again',
  'an abandoned record counts as completed by its first claim': 'abandoned-rerun',
  'released at once though steps were saved': 'open-claim',
  'the retention counts from the claim': 'retention-from-completion',
  'an erased record leaves no tombstone': 'erase-completed',
  'a live record is erased': 'erase-in-progress',
  'an erased record keeps its labels': 'erase-labels',
  'the sweep takes live records': 'sweep-spares-live',
  'a conflict overwrites the fingerprint': 'note-decides-nothing-completed',
  'a replay is counted once, whatever its count': 'note-replays',
  'resolve does not look at the revision': 'resolve-lower-revision',
  'resolve forgets who did it': 'resolve-audited',
  'list takes the beginning of a scope for the whole': 'list-scope-whole',
  'list ends after its first page': 'list-pages',
  'put replaces an equal revision': 'put-equal-revision',
  'repeated header lines become one': 'outcome-repeated-lines',
  'bodies pass through UTF-8': 'bytes-every-byte',
  'ids are cut': 'claim-ids-differ-in-last-digit',
  'looking comes before claiming, with a pause between': 'concurrent-claims',
  'a watcher is never told': 'watch-complete',
  'a watcher is told after he has stopped': 'watch-ended',
};

describe('the contract catches', () => {
  test.for(Object.entries(plants))('%s', async ([bug, plant]) => {
    const catcher = casesOf(plant).filter(({ id }) => id === catchers[bug]);
    expect(await failures(catcher)).toEqual([catchers[bug]]);
  });
});

describe('the contract', () => {
  test('fails no case of a correct store', async () => {
    expect(await failures(casesOf(() => ({})))).toEqual([]);
  });

  test('has at least 150 cases, each with an id and a name of its own', () => {
    const cases = casesOf(() => ({}));
    expect(cases.length).toBeGreaterThanOrEqual(150);
    expect(new Set(cases.map(({ id }) => id)).size).toBe(cases.length);
    const names = cases.map(({ name }) => name);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
    for (const { id } of cases) expect(id).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
  });

  test('holds for a store whose time cannot be moved, and for all cases at once on one store', async () => {
    const store = memory();
    const cases = storeContract(async () => ({ store, close: async () => {} }));
    const results = await Promise.allSettled(cases.map(async ({ run }) => run()));
    expect(results.filter(({ status }) => status === 'rejected')).toEqual([]);
  });

  test('skips what needs a method that the store has not, saying which', async () => {
    const cases = storeContract(async () => {
      const clock = virtualClock();
      const { name, claim, extend, complete, release, read, saveStep } = memory({ clock }) as Record<
        keyof Store,
        never
      >;
      return { store: { name, claim, extend, complete, release, read, saveStep }, clock, close: async () => {} };
    });
    for (const { run, needs } of cases) {
      const expected = needs === undefined ? { kind: 'passed' } : { kind: 'skipped', reason: `has no ${needs[0]}` };
      expect(await run()).toEqual(expected);
    }
  });

  test('does not try what is excepted, and says why', async () => {
    const open = (): never => {
      throw new Error('not to be opened');
    };
    const cases = storeContract(open, { except: { 'claim-absent': 'a test of exceptions' } });
    const excepted = cases.find(({ id }) => id === 'claim-absent');
    expect(excepted?.skip).toBe('a test of exceptions');
    expect(await excepted?.run()).toEqual({ kind: 'skipped', reason: 'a test of exceptions' });
    expect(cases.filter(({ skip }) => skip !== undefined)).toHaveLength(1);
  });

  test('refuses an exception from a case that there is not', () => {
    const except = { 'claim-absnt': 'misspelt' };
    expect(() => storeContract(async () => Promise.reject(new Error()), { except })).toThrow(/"claim-absnt"/);
  });

  test('names the case and the seed of a failure, and closes what it opened', async () => {
    let closed = 0;
    const [first] = storeContract(async () => {
      const store = {
        ...memory(),
        claim: () => ({ kind: 'in-progress', fingerprint: null, attempt: 1, leaseLeftMs: 1 }) as const,
      };
      return {
        store,
        close: async () => {
          closed++;
        },
      };
    });
    await expect(first?.run()).rejects.toThrow(/^claim-absent \(ONCEKEY_SEED=\d+\): /);
    expect(closed).toBe(1);
  });
});
