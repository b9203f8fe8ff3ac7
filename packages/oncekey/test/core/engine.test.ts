/**
 * The engine over the memory store with time held still: who runs, who is told what,
 * what a lost lease and a silent store do.
 */
import { describe, expect, test } from 'vitest';
import { createEngine, type Decision, type Engine, type Intent, type Ownership } from '../../src/core/engine.ts';
import { IdempotencyError } from '../../src/core/errors.ts';
import type { OnceEvent } from '../../src/core/events.ts';
import { recordId } from '../../src/core/key.ts';
import type { AnswerOutcome } from '../../src/core/outcome.ts';
import { noLabels, type Store } from '../../src/core/store.ts';
import { memory } from '../../src/stores/memory.ts';
import { virtualClock, type VirtualClock } from '../../src/testing/virtual-clock.ts';

const answer: AnswerOutcome = { kind: 'answer', status: 201, headers: [['a', 'b']], body: Buffer.from([1, 2]) };

interface Bench {
  readonly clock: VirtualClock;
  readonly store: Store;
  readonly engine: Engine;
  readonly events: OnceEvent[];
}

function bench(change: (store: Store) => Partial<Store> = () => ({})): Bench {
  const clock = virtualClock();
  const plain = memory({ clock });
  const store: Store = { ...plain, ...change(plain) };
  const events: OnceEvent[] = [];
  return { clock, store, events, engine: createEngine({ store, clock, onEvent: (event) => events.push(event) }) };
}

function intent(
  wishes: Partial<Intent['policy']> & Partial<Pick<Intent, 'fingerprint' | 'refingerprint'>> = {},
): Intent {
  const { fingerprint = 'v1:aa', refingerprint, ...policy } = wishes;
  return {
    id: recordId(['acme'], 'charge', 'k'),
    labels: { ...noLabels, key: 'k' },
    fingerprint,
    ...(refingerprint === undefined ? {} : { refingerprint }),
    policy: { leaseMs: 3000, retentionMs: 60_000, inProgress: 'reject', waitMs: 1000, abandoned: 'rerun', ...policy },
  };
}

async function owned(decision: Decision | Promise<Decision>): Promise<Ownership> {
  const made = await decision;
  if (made.kind !== 'run') throw new Error(`expected to run, was told ${made.kind}`);
  return made.ownership;
}

const kinds = (events: readonly OnceEvent[]): string[] => events.map((event) => event.kind);

describe('who runs', () => {
  test('the first intent runs, a repeat gets its outcome, for as long as it is retained', async () => {
    const { engine, clock, events } = bench();
    const first = await owned(engine.begin(intent()));
    expect(first.attempt).toBe(1);
    expect(await first.complete(answer)).toBe('stored');
    expect(await engine.begin(intent())).toMatchObject({ kind: 'replay', outcome: answer, attempt: 1 });
    await clock.advance(60_001);
    await owned(engine.begin(intent()));
    expect(kinds(events)).toEqual(['granted', 'completed', 'replayed', 'granted']);
  });

  test('a synchronous store is answered without a promise', () => {
    const { engine } = bench();
    expect(engine.begin(intent())).toMatchObject({ kind: 'run' });
    expect(engine.begin(intent())).toMatchObject({ kind: 'in-progress', retryAfterMs: 1000 });
  });

  test('other input is a conflict before it is in progress and before it is a replay (I6), and is noted', async () => {
    const { engine, store } = bench();
    const first = await owned(engine.begin(intent()));
    expect(await engine.begin(intent({ fingerprint: 'v1:bb' }))).toMatchObject({ kind: 'conflict' });
    await first.complete(answer);
    expect(await engine.begin(intent({ fingerprint: 'v1:bb' }))).toMatchObject({ kind: 'conflict' });
    expect(await store.read(intent().id)).toMatchObject({
      conflictCount: 2,
      conflictFingerprints: ['v1:bb'],
      outcome: answer,
    });
  });

  test('a record of an older algorithm is compared by that algorithm', async () => {
    const { engine, clock } = bench();
    const old = intent({ fingerprint: 'v0:old' });
    await owned(engine.begin(old));
    const newer = intent({ refingerprint: (algorithm) => (algorithm === 'v0' ? 'v0:old' : null) });
    expect(await engine.begin(newer)).toMatchObject({ kind: 'in-progress' });
    expect(await engine.begin(intent())).toMatchObject({ kind: 'conflict' });
    await engine.close();
    // A takeover of the abandoned record, too.
    const other = bench();
    const silent = { ...old, heartbeat: false };
    await owned(other.engine.begin(silent));
    await other.clock.advance(3001);
    expect((await owned(other.engine.begin(newer))).attempt).toBe(2);
    expect(clock.pending()).toBeGreaterThanOrEqual(0);
  });

  test('after a release nobody ran', async () => {
    const { engine, events } = bench();
    const first = await owned(engine.begin(intent()));
    expect(await first.giveBack()).toBe('released');
    expect((await owned(engine.begin(intent()))).attempt).toBe(1);
    expect(kinds(events)).toEqual(['granted', 'released', 'granted']);
  });
});

describe('waiting (I17)', () => {
  test('a duplicate waits for the outcome and gets it', async () => {
    const { engine, clock } = bench();
    const first = await owned(engine.begin(intent()));
    const waiting = Promise.resolve(engine.begin(intent({ inProgress: 'wait' })));
    await clock.advance(300);
    await first.complete(answer);
    await clock.advance(300);
    expect(await waiting).toMatchObject({ kind: 'replay', outcome: answer });
  });

  test('it is told in progress when the wait is over', async () => {
    const { engine, clock } = bench();
    await owned(engine.begin(intent()));
    const waiting = Promise.resolve(engine.begin(intent({ inProgress: 'wait', waitMs: 500 })));
    await clock.advance(600);
    expect(await waiting).toMatchObject({ kind: 'in-progress' });
  });

  test('it runs when the first gives up, also in a store that cannot be watched', async () => {
    const { engine, clock } = bench(() => ({ watch: undefined as never }));
    const first = await owned(engine.begin(intent()));
    const waiting = Promise.resolve(engine.begin(intent({ inProgress: 'wait' })));
    await clock.advance(100);
    await first.giveBack();
    await clock.advance(500);
    expect((await owned(waiting)).attempt).toBe(1);
  });
});

describe('the lease (rule 10)', () => {
  test('a slow work keeps its key by heartbeats', async () => {
    const { engine, clock } = bench();
    const first = await owned(engine.begin(intent()));
    for (let hour = 0; hour < 3; hour += 1) {
      await clock.advance(3_600_000);
      expect(await engine.begin(intent())).toMatchObject({ kind: 'in-progress' });
    }
    expect(await first.complete(answer)).toBe('stored');
  });

  test('an owner that fell silent is replaced, told, and changes nothing (I3)', async () => {
    const { engine, clock, events } = bench();
    const first = await owned(engine.begin({ ...intent(), heartbeat: false }));
    await clock.advance(3001);
    const second = await owned(engine.begin(intent()));
    expect(second.attempt).toBe(2);
    expect(await first.complete({ ...answer, status: 500 })).toBe('lost');
    expect(first.work.signal.aborted).toBe(true);
    expect(await first.giveBack()).toBe('lost');
    expect(await second.complete(answer)).toBe('stored');
    expect(await engine.begin(intent())).toMatchObject({ kind: 'replay', outcome: answer });
    expect(kinds(events)).toContain('taken-over');
    expect(kinds(events)).toContain('lease-lost');
  });

  test('a late owner whom nobody replaced may still complete', async () => {
    const { engine, clock } = bench();
    const first = await owned(engine.begin({ ...intent(), heartbeat: false }));
    await clock.advance(10_000);
    expect(await first.complete(answer)).toBe('stored');
  });

  test('hold: the outcome of a silent owner stays unknown (I8)', async () => {
    const { engine, clock } = bench();
    const held = intent({ abandoned: 'hold' });
    await owned(engine.begin({ ...held, heartbeat: false }));
    await clock.advance(100_000_000);
    expect(await engine.begin(held)).toMatchObject({ kind: 'unknown', attempt: 1 });
  });

  test('one failed heartbeat is tried again until the lease ends', async () => {
    let failures = 2;
    const { engine, clock, events } = bench((store) => ({
      extend: (...call) => {
        if (failures-- > 0) throw new Error('flaky');
        return store.extend(...call);
      },
    }));
    const first = await owned(engine.begin(intent()));
    await clock.advance(20_000);
    expect(first.lost).toBe(false);
    expect(await first.complete(answer)).toBe('stored');
    expect(kinds(events).filter((kind) => kind === 'store-failed')).toHaveLength(2);
  });

  test('a store that never answers heartbeats aborts the signal when the lease has ended', async () => {
    const { engine, clock, events } = bench(() => ({
      extend: () => {
        throw new Error('down');
      },
    }));
    const first = await owned(engine.begin(intent()));
    const { signal } = first.work;
    await clock.advance(2500);
    expect(signal.aborted).toBe(false);
    await clock.advance(2000);
    expect(signal.aborted).toBe(true);
    expect(kinds(events)).toContain('lease-lost');
  });
});

describe('a store that fails', () => {
  test('a claim whose reply was lost is asked again by its own token and granted once', async () => {
    let lost = false;
    const { engine } = bench((store) => ({
      claim: (ask) => {
        const told = store.claim(ask);
        if (lost) return told;
        lost = true;
        throw new Error('reply lost');
      },
    }));
    expect((await owned(engine.begin(intent()))).attempt).toBe(1);
  });

  test('so is one that the store itself calls unavailable; what it calls unusable is not asked again', async () => {
    const claims = { store_unavailable: 2, store_unusable: 1 } as const;
    for (const code of ['store_unavailable', 'store_unusable'] as const) {
      let asked = 0;
      const { engine } = bench((store) => ({
        claim: (ask) => {
          asked += 1;
          const told = store.claim(ask);
          if (asked > 1) return told;
          throw new IdempotencyError(code, 'reply lost', { phase: 'claim', reason: 'reply lost' });
        },
      }));
      expect(await engine.begin(intent())).toMatchObject({ kind: code === 'store_unusable' ? 'store-down' : 'run' });
      expect(asked).toBe(claims[code]);
    }
  });

  test('down at claim: nothing runs, and an event tells', async () => {
    const { engine, events } = bench(() => ({
      claim: () => {
        throw new Error('down');
      },
    }));
    expect(await engine.begin(intent())).toMatchObject({ kind: 'store-down', cause: { message: 'down' } });
    expect(kinds(events)).toEqual(['store-failed', 'store-failed']);
  });

  test('a claim that is granted too late is given back', async () => {
    const { engine, clock, store } = bench((plain) => ({
      claim: async (ask) => {
        await new Promise<void>((resolve) => clock.after(5000, resolve));
        return plain.claim(ask);
      },
    }));
    const told = Promise.resolve(engine.begin(intent()));
    await clock.advance(2100);
    expect(await told).toMatchObject({ kind: 'store-down' });
    await clock.advance(5000);
    expect(await store.read(intent().id)).toBeUndefined();
  });

  test('silent at completion: unrecorded after the store timeout, and stored when the store is back', async () => {
    let up = false;
    const { engine, clock, events, store } = bench((plain) => ({
      complete: (ask) => {
        if (up) return plain.complete(ask);
        throw new Error('down');
      },
    }));
    const first = await owned(engine.begin(intent()));
    const settled = Promise.resolve(first.complete(answer));
    await clock.advance(2500);
    expect(await settled).toBe('unrecorded');
    expect(await engine.begin(intent())).toMatchObject({ kind: 'in-progress' });
    up = true;
    await clock.advance(2000);
    expect(await store.read(intent().id)).toMatchObject({ state: 'completed', outcome: answer });
    expect(kinds(events)).toContain('unrecorded');
    await engine.close();
  });
});

describe('what a stale owner answers with', () => {
  test('look tells what a duplicate would be told and claims nothing', async () => {
    const { engine, store } = bench();
    expect(await engine.look(intent())).toMatchObject({ kind: 'in-progress' });
    expect(await store.read(intent().id)).toBeUndefined();
    const first = await owned(engine.begin(intent()));
    expect(await engine.look(intent({ fingerprint: 'v1:bb' }))).toMatchObject({ kind: 'conflict' });
    await first.complete(answer);
    expect(await engine.look(intent())).toMatchObject({ kind: 'replay', outcome: answer });
  });
});

test('replays are counted in the record, in batches', async () => {
  const { engine, clock, store } = bench();
  await (await owned(engine.begin(intent()))).complete(answer);
  for (let repeat = 0; repeat < 5; repeat += 1) await engine.begin(intent());
  expect(await store.read(intent().id)).toMatchObject({ replayCount: 0 });
  await clock.advance(1001);
  expect(await store.read(intent().id)).toMatchObject({ replayCount: 5 });
});
