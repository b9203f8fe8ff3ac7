/**
 * A bounded cache of completed outcomes in this process, in front of any store: a replay
 * that was seen a moment ago costs no round trip. Only what is terminal is kept (I2), never
 * beyond its retention and never longer than `maxAgeMs`. That is also its limit: an erasure
 * or an import made in another process is seen here up to `maxAgeMs` later; one made through
 * this wrapper at once.
 */
import { LRUCache } from 'lru-cache';
import { systemClock, type Clock } from '../core/clock.ts';
import { chain, isPromise, type MaybePromise } from '../core/maybe.ts';
import type { ClaimAnswer, ClaimAsk, Completed, RecordId, Store, StoredRecord } from '../core/store.ts';
import { giveOutcome, holdOutcome, type HeldOutcome } from './in-process/held-outcome.ts';
import { weighOutcome } from './in-process/record-weight.ts';
import { passedOn } from './wrapped/passed-on.ts';

/** Bounds of the cache. */
export interface CachedOptions {
  /** How long an outcome is answered without asking the store, and so how late an erasure elsewhere is seen; default 5000 ms. */
  readonly maxAgeMs?: number;
  /** At most so many outcomes, those used longest ago go; default 10 000. */
  readonly maxEntries?: number;
  /** At most so many bytes, estimated; default 16 MiB. A larger outcome is not kept. */
  readonly maxBytes?: number;
  readonly clock?: Clock;
}

/** What a claim is answered with, and until when by the monotonic clock. */
interface Held {
  readonly answer: Omit<Completed, 'outcome'>;
  readonly outcome: HeldOutcome;
  readonly untilMs: number;
}

/** Measured: a place in the cache and what stands beside the outcome. */
const entryBytes = 400;
/** Records looked up at one time to learn what is left of their retention. */
const mostLookups = 64;

/**
 * `store` with a cache of outcomes in this process in front of it. All that the store has is there. An outcome that
 * was answered once is answered from memory for `maxAgeMs`, or until its retention ends. Throws a TypeError for a wrong
 * option.
 */
export function cached(store: Store, options: CachedOptions = {}): Store {
  const { maxAgeMs = 5000, maxEntries = 10_000, maxBytes = 16 * 1024 * 1024, clock = systemClock } = options;
  for (const [name, value] of Object.entries({ maxAgeMs, maxEntries, maxBytes })) {
    if (!(value >= 1)) throw new TypeError(`cached: options.${name} must be a number of at least 1, not ${value}`);
  }
  const cache = new OutcomeCache(store, clock, { maxAgeMs, maxEntries, maxBytes });
  return {
    name: `cached(${store.name})`,
    ...passedOn(store, ['note', 'list', 'sweep', 'watch', 'check']),
    claim: (ask) => cache.claim(ask),
    extend: (id, token, leaseMs) => store.extend(id, token, leaseMs),
    complete: (ask) => store.complete(ask),
    release: (id, token, keepMs) => store.release(id, token, keepMs),
    read: (id) => store.read(id),
    saveStep: (id, token, step) => store.saveStep(id, token, step),
    ...takingBack(store, cache),
    async close() {
      cache.clear();
      await store.close?.();
    },
  };
}

/** The methods after which an outcome may not be the one that was kept. */
function takingBack(store: Store, cache: OutcomeCache): Pick<Store, 'put' | 'resolve' | 'erase'> {
  const { put, resolve, erase } = passedOn(store, ['put', 'resolve', 'erase']);
  return {
    ...(put && { put: (record) => cache.takingBack(record.id, () => put(record)) }),
    ...(resolve && { resolve: (ask) => cache.takingBack(ask.id, () => resolve(ask)) }),
    ...(erase && { erase: (id, keepMs) => cache.takingBack(id, () => erase(id, keepMs)) }),
  };
}

class OutcomeCache {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #maxAgeMs: number;
  readonly #held: LRUCache<RecordId, Held>;
  readonly #lookups = new Set<RecordId>();
  /** Raised whenever an outcome may have been taken back: what was looked up before is not kept then. */
  #epoch = 0;

  constructor(store: Store, clock: Clock, bounds: { maxAgeMs: number; maxEntries: number; maxBytes: number }) {
    this.#store = store;
    this.#clock = clock;
    this.#maxAgeMs = bounds.maxAgeMs;
    this.#held = new LRUCache({
      max: bounds.maxEntries,
      maxSize: bounds.maxBytes,
      sizeCalculation: ({ outcome }) => entryBytes + weighOutcome(outcome),
    });
  }

  claim(ask: ClaimAsk): MaybePromise<ClaimAnswer> {
    const held = this.#held.get(ask.id);
    if (held !== undefined && held.untilMs > this.#clock.monotonicMs()) {
      return { ...held.answer, outcome: giveOutcome(held.outcome) };
    }
    return chain(this.#store.claim(ask), (answer) => {
      if (answer.kind === 'completed') this.#learn(ask.id);
      // A record whose retention is over has begun anew.
      else if (held !== undefined) this.#held.delete(ask.id);
      return answer;
    });
  }

  /** Calls what may take an outcome back, and forgets it also when the reply was lost. */
  takingBack<T>(id: RecordId, call: () => MaybePromise<T>): MaybePromise<T> {
    const forget = (): void => {
      this.#epoch++;
      this.#held.delete(id);
    };
    try {
      const answer = call();
      if (isPromise(answer)) return answer.finally(forget);
      forget();
      return answer;
    } catch (error) {
      forget();
      throw error;
    }
  }

  clear(): void {
    this.#epoch++;
    this.#held.clear();
  }

  /** Reads how long the outcome may be answered, behind the one who asked. */
  #learn(id: RecordId): void {
    if (this.#lookups.has(id) || this.#lookups.size >= mostLookups) return;
    const askedAtMs = this.#clock.monotonicMs();
    const epoch = this.#epoch;
    const keep = (record: StoredRecord | undefined): void => {
      if (record !== undefined && epoch === this.#epoch) this.#keep(record, askedAtMs);
    };
    try {
      const record = this.#store.read(id);
      if (!isPromise(record)) return keep(record);
      this.#lookups.add(id);
      // A store that fails here says so to the next one who asks it something.
      void record.then(keep, () => undefined).finally(() => this.#lookups.delete(id));
    } catch {
      // As above: the claim itself was answered.
    }
  }

  #keep(
    { id, state, fingerprint, attempt, completedAtMs, outcome, retentionLeftMs }: StoredRecord,
    atMs: number,
  ): void {
    if (state !== 'completed' || completedAtMs === null || outcome === null) return;
    const answer = { kind: 'completed', fingerprint, attempt, completedAtMs } as const;
    const untilMs = atMs + Math.min(this.#maxAgeMs, retentionLeftMs ?? Infinity);
    this.#held.set(id, { answer, outcome: holdOutcome(outcome), untilMs });
  }
}
