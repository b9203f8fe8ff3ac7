/** Random calls over a hot store that fails, loses replies, applies late and forgets: it never contradicts the durable one (I12). */
import { expect, test } from 'vitest';
import type { ClaimAnswer, ClaimAsk, StoredRecord } from '../../src/core/store.ts';
import { memory, type MemoryStore } from '../../src/stores/memory.ts';
import { tiered } from '../../src/stores/tiered.ts';
import { virtualClock } from '../../src/testing/index.ts';
import { randomFrom, seedOfRun, type Random } from '../../src/testing/seed.ts';
import { answerOf, askFor } from './sqlite/folder.ts';

const seed = seedOfRun();
const markMs = 1000;

/** A hot store in trouble. What it applies late comes before time goes on: later than its timeout, nothing is sent any more. */
function troubled(store: MemoryStore, random: Random) {
  const late: (() => unknown)[] = [];
  const hot = new Proxy(store, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function' || name === 'close') return member;
      return (...given: unknown[]): unknown => {
        const apply = (): unknown => Reflect.apply(member, target, given);
        const fate = random.below(40);
        if (fate === 0) target.close();
        if (fate === 1) throw new Error('refused');
        if (fate === 2) late.push(apply);
        if (fate === 3) apply();
        if (fate === 2 || fate === 3) throw new Error('reply lost');
        return apply();
      };
    },
  });
  return { hot, settle: () => late.splice(0).forEach((apply) => apply()) };
}

/** What is wrong with an answer; undefined when it agrees with the durable record, or is no older than a mark may be. */
function contradiction(ask: ClaimAsk, answer: ClaimAnswer, world: World): string | undefined {
  const { before, after, ownedAtMs, nowMs, lastFingerprint } = world;
  const { kind } = answer;
  const told = `${kind} while the durable record is ${before?.state ?? 'absent'}`;
  if (kind === 'granted') return after?.token === ask.token ? undefined : told;
  if (kind === 'completed') return before?.outcome && bodyOf(before) === bodyOf(answer) ? undefined : told;
  if (before?.state === 'in-progress') return before.token === ask.token ? told : undefined;
  if (kind !== 'in-progress') return before?.state === 'completed' || before === undefined ? told : undefined;
  // Only what was running a moment ago may still be said to run, and only to the same input.
  if (nowMs - ownedAtMs > markMs) return `${told} since ${nowMs - ownedAtMs} ms`;
  return ask.fingerprint === null || ask.fingerprint === lastFingerprint ? undefined : `${told}, to other input`;
}

interface World {
  readonly before: StoredRecord | undefined;
  readonly after: StoredRecord | undefined;
  readonly ownedAtMs: number;
  readonly nowMs: number;
  /** What the last owner came with. */
  readonly lastFingerprint: string | null | undefined;
}

function bodyOf(record: Pick<StoredRecord, 'outcome'> | undefined): string | undefined {
  const outcome = record?.outcome;
  return outcome?.kind === 'answer' ? Buffer.from(outcome.body).toString() : undefined;
}

test(`random calls (ONCEKEY_SEED=${seed})`, async () => {
  const random = randomFrom(seed, 'tiered');
  const clock = virtualClock();
  const durable = memory({ clock });
  const { hot, settle } = troubled(memory({ clock }), random);
  const store = tiered(hot, durable, { clock });
  const asks: ClaimAsk[] = [];
  const ownedAtMs = new Map<string, number>();
  const fingerprints = new Map<string, string | null>();
  const contradictions: string[] = [];
  const counts: Record<string, number> = {};
  const pick = <T>(list: readonly T[]): T => list[random.below(list.length)] as T;

  for (let step = 0; step < 10_000; step++) {
    const again = asks.length > 0 && random.below(3) === 0 ? pick(asks) : undefined;
    const key = `k${random.below(3)}`;
    const leaseMs = pick([300, 5000]);
    const fingerprint = pick(['t1:a', 't1:b', null]);
    const ask = again ?? askFor(key, { leaseMs, fingerprint, keepMs: pick([0, 3000]) });
    const { id, token } = ask;
    const nowMs = clock.monotonicMs();
    const before = durable.read(id);
    if (before?.state === 'in-progress') {
      ownedAtMs.set(id, nowMs);
      fingerprints.set(id, before.fingerprint);
    }
    const known = { ownedAtMs: ownedAtMs.get(id) ?? -Infinity, lastFingerprint: fingerprints.get(id) };
    switch (random.below(8)) {
      case 0:
      case 1:
      case 2: {
        const answer = await store.claim(ask);
        counts[answer.kind] = (counts[answer.kind] ?? 0) + 1;
        const wrong = contradiction(ask, answer, { before, after: durable.read(id), nowMs, ...known });
        if (wrong !== undefined) contradictions.push(`step ${step}: ${wrong}`);
        asks.push(ask);
        if (asks.length > 12) asks.shift();
        break;
      }
      case 3: {
        const retentionMs = pick([400, 5000, null]);
        await store.complete({ id, token, outcome: answerOf(`outcome ${step}`), retentionMs });
        break;
      }
      case 4:
        await (random.below(2) === 0 ? store.release(id, token, 3000) : store.extend(id, token, leaseMs));
        break;
      case 5: {
        if (random.below(4) > 0) break;
        const keepMs = pick([0, 3000]);
        // A copy that is late and a tombstone that is forgotten, both at once, is more than revisions can order.
        settle();
        // Told that the hot store does not know yet, an operator repeats it.
        for (let done = false; !done;) {
          done = await Promise.resolve(store.erase?.(id, keepMs)).then(
            () => true,
            () => false,
          );
        }
        counts['erase'] = (counts['erase'] ?? 0) + 1;
        break;
      }
      default:
        settle();
        await clock.advance(pick([0, 10, 50, 600]));
    }
  }
  expect(contradictions).toEqual([]);
  // The run must have met every answer, else it shows nothing.
  for (const kind of ['granted', 'completed', 'in-progress', 'erase']) expect(counts[kind]).toBeGreaterThan(50);
}, 60_000);
