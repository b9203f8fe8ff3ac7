/**
 * A fast store in front of a durable one. The durable store alone grants, and every write
 * goes there first; the hot one is given copies and answers replays and in-flight
 * duplicates early. It never contradicts the durable one, and losing it costs time only
 * (I12). Its limits, plainly: a first request pays one look at the hot store more, and a hot
 * store that is restored from a snapshot may replay what was erased since, for at most
 * `hotRetentionMs`. Give it a client that fails at once when it is not connected.
 */
import { systemClock, type Clock } from '../core/clock.ts';
import { IdempotencyError } from '../core/errors.ts';
import type { MaybePromise } from '../core/maybe.ts';
import type {
  ClaimAnswer,
  ClaimAsk,
  CompleteAnswer,
  CompleteAsk,
  DurationMs,
  EraseAnswer,
  ExtendAnswer,
  RecordId,
  ReleaseAnswer,
  ResolveAnswer,
  ResolveAsk,
  Store,
  StoredRecord,
  SweepAnswer,
  Token,
} from '../core/store.ts';
import { completedFacts, copyOf, earlyAnswer, markOf, nothingOf, type CompletedFacts } from './tiered/copies.ts';
import { HotTier, insistMs, type HotChange, type HotStore } from './tiered/hot-tier.ts';
import { passedOn } from './wrapped/passed-on.ts';

export type { HotChange, HotStore } from './tiered/hot-tier.ts';

/** How two stores work together. */
export interface TieredOptions {
  /** A hot store that does not answer within this time is passed over; default 100 ms. */
  readonly hotTimeoutMs?: number;
  /** How long a copy stays in the hot store at most, never beyond what the durable one has left; default one hour. */
  readonly hotRetentionMs?: number;
  /** Told when the hot store stops or starts to serve; must not throw. */
  readonly onHotChange?: (change: HotChange) => void;
  readonly clock?: Clock;
}

/** Claims granted here, so that their completion can be copied without asking; more than these are read again. */
const mostOwned = 10_000;
/** Copies fetched at one time; a replay beyond these warms nothing, the next one does. */
const mostWarming = 64;

interface Owned {
  readonly ask: ClaimAsk;
  readonly attempt: number;
  /** Settles when the mark has been put, or could not be. */
  marked: MaybePromise<unknown>;
}

/**
 * `durable` with `hot` in front of it. All that is optional is there where `durable` has it. `hot` may be emptied at any
 * time; it must be able to `put`, and no second pair of tiers with another durable store may share it. Down, it costs at
 * most one timeout, and then nothing until it is back. `erase` and `put` throw `store_unavailable` when the durable store
 * has done it and the hot one cannot be told: repeat them. Throws a TypeError for a wrong option.
 */
export function tiered(hot: HotStore, durable: Store, options: TieredOptions = {}): Store {
  const { hotTimeoutMs = 100, hotRetentionMs = 3_600_000, clock = systemClock, onHotChange } = options;
  if (typeof hot.put !== 'function') throw new TypeError('tiered: the hot store must have put');
  checkPositive('hotTimeoutMs', hotTimeoutMs);
  checkPositive('hotRetentionMs', hotRetentionMs);
  const tier = new HotTier({ store: hot, clock, timeoutMs: hotTimeoutMs, onChange: onHotChange });
  const both = new Tiers({ durable, tier, clock, hotTimeoutMs, hotRetentionMs });
  return {
    name: `tiered(${hot.name}, ${durable.name})`,
    ...passedOn(durable, ['note', 'list']),
    ...watchOf([durable, hot]),
    claim: (ask) => both.claim(ask),
    extend: (id, token, leaseMs) => both.extend(id, token, leaseMs),
    complete: (ask) => both.complete(ask),
    release: (id, token, keepMs) => both.release(id, token, keepMs),
    // Only the durable store knows what was noted and saved since a copy was made.
    read: (id) => durable.read(id),
    saveStep: (id, token, step) => durable.saveStep(id, token, step),
    ...(durable.put && { put: (record) => both.put(record) }),
    ...(durable.resolve && { resolve: (ask) => both.resolve(ask) }),
    ...(durable.erase && { erase: (id, keepMs) => both.erase(id, keepMs) }),
    ...(durable.sweep && { sweep: (limit) => both.sweep(limit) }),
    check: () => both.check(),
    async close() {
      await both.settled();
      await durable.close?.();
      await hot.close?.();
    },
  };
}

class Tiers {
  readonly #durable: Store;
  readonly #hot: HotTier;
  readonly #clock: Clock;
  readonly #hotTimeoutMs: number;
  readonly #hotRetentionMs: number;
  readonly #owned = new Map<Token, Owned>();
  readonly #warming = new Map<RecordId, Promise<boolean>>();

  constructor(parts: { durable: Store; tier: HotTier; clock: Clock; hotTimeoutMs: number; hotRetentionMs: number }) {
    this.#durable = parts.durable;
    this.#hot = parts.tier;
    this.#clock = parts.clock;
    this.#hotTimeoutMs = parts.hotTimeoutMs;
    this.#hotRetentionMs = parts.hotRetentionMs;
  }

  async claim(ask: ClaimAsk): Promise<ClaimAnswer> {
    const found = await this.#hot.use((store) => store.read(ask.id));
    const early = found && earlyAnswer(found, ask);
    if (early !== undefined) return early;
    const askedAtMs = this.#clock.monotonicMs();
    const answer = await this.#durable.claim(ask);
    if (answer.kind === 'granted') this.#own(ask, answer.attempt, askedAtMs);
    // Nobody waits for the copy, and one that fails has said why where it failed.
    else if (answer.kind === 'completed') this.#warm(ask.id).catch(() => undefined);
    return answer;
  }

  async extend(id: RecordId, token: Token, leaseMs: number): Promise<ExtendAnswer> {
    const askedAtMs = this.#clock.monotonicMs();
    const answer = await this.#durable.extend(id, token, leaseMs);
    const owned = this.#owned.get(token);
    if (owned === undefined) return answer;
    await this.#unmark(id, token);
    if (answer.kind === 'kept') this.#mark(owned, leaseMs, askedAtMs);
    return answer;
  }

  async complete(ask: CompleteAsk): Promise<CompleteAnswer> {
    const askedAtMs = this.#clock.monotonicMs();
    const answer = await this.#durable.complete(ask);
    // Awaited: who has seen the answer must not find a mark that says it still runs (I5).
    const copied = await this.#copyCompleted(ask, answer, askedAtMs);
    if (!copied) await this.#unmark(ask.id, ask.token);
    this.#owned.delete(ask.token);
    return answer;
  }

  async release(id: RecordId, token: Token, keepMs: DurationMs): Promise<ReleaseAnswer> {
    const answer = await this.#durable.release(id, token, keepMs);
    await this.#unmark(id, token);
    this.#owned.delete(token);
    return answer;
  }

  async put(record: StoredRecord): Promise<{ readonly kind: 'put' | 'kept' }> {
    const answer = (await this.#durable.put?.(record)) ?? { kind: 'kept' };
    if (answer.kind === 'put') await this.#follow(record.id, 'has taken the record');
    return answer;
  }

  async resolve(ask: ResolveAsk): Promise<ResolveAnswer> {
    const answer = (await this.#durable.resolve?.(ask)) ?? { kind: 'absent' };
    // Nothing of an abandoned record is in the hot store: a mark ends before the lease.
    if (answer.kind === 'resolved') await this.#warm(ask.id);
    return answer;
  }

  async erase(id: RecordId, keepMs: DurationMs): Promise<EraseAnswer> {
    const answer = (await this.#durable.erase?.(id, keepMs)) ?? { kind: 'absent' };
    if (answer.kind !== 'in-progress') await this.#follow(id, 'has erased the record');
    return answer;
  }

  async sweep(limit: number): Promise<SweepAnswer> {
    const answer = (await this.#durable.sweep?.(limit)) ?? { removed: 0, more: false };
    await this.#hot.use((store) => store.sweep?.(limit));
    return answer;
  }

  async check(): Promise<void> {
    await this.#durable.check?.();
    await this.#hot.use((store) => store.check?.());
  }

  /** Settles when nothing goes on behind the callers any more. */
  async settled(): Promise<void> {
    await Promise.all([...this.#warming.values(), ...Array.from(this.#owned.values(), ({ marked }) => marked)]);
  }

  #own(ask: ClaimAsk, attempt: number, askedAtMs: number): void {
    const owned: Owned = { ask, attempt, marked: undefined };
    this.#owned.set(ask.token, owned);
    const [oldest] = this.#owned.keys();
    if (this.#owned.size > mostOwned && oldest !== undefined) this.#owned.delete(oldest);
    this.#mark(owned, ask.leaseMs, askedAtMs);
  }

  /** Marks the record as running; nobody waits for it. */
  #mark(owned: Owned, leaseMs: number, askedAtMs: number): void {
    const mark = markOf(owned.ask, owned.attempt, this.#leftOf(leaseMs, askedAtMs));
    if (mark !== undefined) owned.marked = this.#hot.use((store) => store.put(mark));
  }

  async #unmark(id: RecordId, token: Token): Promise<void> {
    await this.#owned.get(token)?.marked;
    // Only this owner's own mark goes: a copy, or another one's mark, has another token.
    await this.#hot.use((store) => store.release(id, token, 0));
  }

  async #copyCompleted(ask: CompleteAsk, answer: CompleteAnswer, askedAtMs: number): Promise<boolean> {
    if (answer.kind === 'lost') return false;
    const owned = this.#owned.get(ask.token);
    // After a takeover, or from elsewhere, only the durable store knows what the record is compared by.
    if (answer.kind !== 'stored' || owned?.attempt !== 1) return this.#warm(ask.id);
    const { id, outcome, retentionMs } = ask;
    const { fingerprint } = owned.ask;
    // One revision for the claim and one for the completion; a tombstone's is higher still.
    const facts = { id, attempt: 1, fingerprint, revision: 2, outcome, completedAtMs: answer.completedAtMs };
    return this.#copy(facts, retentionMs, askedAtMs);
  }

  async #copy(facts: CompletedFacts, retentionMs: DurationMs, askedAtMs: number): Promise<boolean> {
    const leftMs = this.#hotLeftOf(retentionMs, askedAtMs);
    if (leftMs <= 0) return false;
    return (await this.#hot.use((store) => store.put(copyOf(facts, leftMs)))) !== undefined;
  }

  #hotLeftOf(retentionMs: DurationMs, askedAtMs: number): number {
    if (retentionMs === null) return this.#hotRetentionMs;
    return Math.min(this.#leftOf(retentionMs, askedAtMs), this.#hotRetentionMs);
  }

  /** What is left at most when the hot store gets to hear of it, of a duration that the durable one began since. */
  #leftOf(durationMs: number, askedAtMs: number): number {
    return durationMs - (this.#clock.monotonicMs() - askedAtMs) - this.#hotTimeoutMs;
  }

  /** Copies a completed record into the hot store, once at a time; tells whether it has. Never rejects. */
  #warm(id: RecordId): Promise<boolean> {
    const running = this.#warming.get(id);
    if (running !== undefined) return running;
    if (!this.#hot.serves || this.#warming.size >= mostWarming) return Promise.resolve(false);
    const warming = this.#fetch(id)
      // A durable store that fails here says so to the next one who asks it something.
      .catch(() => false)
      .finally(() => this.#warming.delete(id));
    this.#warming.set(id, warming);
    return warming;
  }

  async #fetch(id: RecordId): Promise<boolean> {
    const askedAtMs = this.#clock.monotonicMs();
    const record = await this.#durable.read(id);
    const facts = record && completedFacts(record);
    return facts !== undefined && this.#copy(facts, record?.retentionLeftMs ?? null, askedAtMs);
  }

  /** Makes the hot store say what the durable one says since it was changed; throws where that cannot be done. */
  async #follow(id: RecordId, done: string): Promise<void> {
    const askedAtMs = this.#clock.monotonicMs();
    const record = await this.#durable.read(id);
    const facts = record && completedFacts(record);
    // What is insisted on may arrive that much later.
    const hotMs = this.#hotLeftOf(record?.retentionLeftMs ?? null, askedAtMs - insistMs);
    try {
      if (facts !== undefined && hotMs > 0) await this.#hot.insist((store) => store.put(copyOf(facts, hotMs)));
      else await this.#hot.insist((store) => store.put(nothingOf(id)));
    } catch (cause) {
      const message = `the durable store ${done}, the hot one could not be told and may replay what it has; do it again`;
      throw new IdempotencyError('store_unavailable', message, { phase: 'other' }, { cause });
    }
  }
}

/** Hears of a change from whichever store tells first; both may tell. */
function watchOf(stores: readonly Store[]): Pick<Store, 'watch'> {
  const watched = stores.flatMap((store) => (store.watch === undefined ? [] : [store as Required<Store>]));
  if (watched.length === 0) return {};
  return {
    watch(id, changed) {
      const ends = watched.map((store) => store.watch(id, changed));
      return () => ends.forEach((end) => end());
    },
  };
}

function checkPositive(name: keyof TieredOptions, value: number): void {
  if (!(value > 0)) throw new TypeError(`tiered: options.${name} must be a number of milliseconds above 0`);
}
