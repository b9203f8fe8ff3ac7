/**
 * What the contract's cases are written with: fresh ids and tokens, records brought into
 * a state, and time that passes. A case uses a lease or retention of `long` where it must
 * not end and of `short` where it must, so that no case depends on how fast a server is.
 */
import assert from 'node:assert/strict';
import { scheduler } from 'node:timers/promises';
import type { AnswerOutcome, Outcome } from '../../core/outcome.ts';
import { splitOutcome } from '../../stores/stored-form/outcome.ts';
import type {
  ClaimAnswer,
  ClaimAsk,
  CompleteAnswer,
  Granted,
  Labels,
  RecordState,
  ReleaseAnswer,
  Store,
  StoredRecord,
  Token,
} from '../../core/store.ts';
import type { Random } from '../seed.ts';
import type { OpenedStore } from '../store-contract.ts';

/** A duration that no case outlives. */
export const long = 3_600_000;
/** A duration that `passShort` outlives. */
export const short = 150;
const pastShort = 220;
const tenYears = 10 * 365 * 86_400_000;

/** One case before it has a store. */
export interface CaseDefinition {
  readonly id: string;
  readonly name: string;
  readonly needs?: readonly (keyof Store)[];
  run(context: CaseContext): Promise<void>;
}

/** What a case works with. */
export class CaseContext {
  /** With every optional method: the case has said in `needs` which it uses, and was skipped if one is missing. */
  readonly store: Required<Store>;
  readonly random: Random;
  readonly #opened: OpenedStore;

  constructor(opened: OpenedStore, random: Random) {
    this.store = opened.store as Required<Store>;
    this.random = random;
    this.#opened = opened;
  }

  /** A record id that nobody used. */
  id(): string {
    return this.random.hex(64);
  }

  /** A token that nobody used. */
  token(): Token {
    return this.random.hex(36);
  }

  /** A fingerprint that nobody used. */
  fingerprint(): string {
    return `t1:${this.random.hex(32)}`;
  }

  /** Labels of a scope that nobody used. */
  labels(over: Partial<Labels> = {}): Labels {
    return {
      scope: ['contract', this.random.hex(16)],
      operation: 'invoice.send',
      key: `key-${this.random.hex(8)}`,
      owner: 'worker-1',
      method: 'POST',
      path: '/invoices',
      eventId: 'event-1',
      ...over,
    };
  }

  /** A claim of a fresh record with a long lease. */
  ask(over: Partial<ClaimAsk> = {}): ClaimAsk {
    return {
      id: this.id(),
      token: this.token(),
      fingerprint: this.fingerprint(),
      leaseMs: long,
      ifAbandoned: 'rerun',
      keepMs: long,
      labels: this.labels(),
      ...over,
    };
  }

  /** The same record, asked for by somebody else. */
  other(ask: ClaimAsk, over: Partial<ClaimAsk> = {}): ClaimAsk {
    return { ...ask, token: this.token(), leaseMs: long, ...over };
  }

  /** An answer that nobody gave. */
  answer(over: Partial<AnswerOutcome> = {}): AnswerOutcome {
    const headers = [['content-type', 'application/octet-stream']] as const;
    return { kind: 'answer', status: 201, headers, body: this.random.bytes(24), ...over };
  }

  /** Claims and must be granted. */
  async grant(ask: ClaimAsk, attempt?: number): Promise<Granted> {
    const answer = await this.store.claim(ask);
    assert.equal(answer.kind, 'granted', 'the claim must be granted');
    if (attempt !== undefined) assert.equal(answer.attempt, attempt, `it must be attempt ${attempt}`);
    return answer;
  }

  /** Claims and must get an answer of this kind. */
  async claim<K extends ClaimAnswer['kind']>(ask: ClaimAsk, kind: K): Promise<Extract<ClaimAnswer, { kind: K }>> {
    const answer = await this.store.claim(ask);
    assert.equal(answer.kind, kind, `a claim must answer ${kind}`);
    return answer as Extract<ClaimAnswer, { kind: K }>;
  }

  /** A record in progress, owned by the token of what is returned. */
  async inProgress(over: Partial<ClaimAsk> = {}): Promise<ClaimAsk> {
    const ask = this.ask(over);
    await this.grant(ask, 1);
    return ask;
  }

  /** A completed record. */
  async completed(
    over: Partial<ClaimAsk> = {},
    outcome: Outcome = this.answer(),
    retentionMs: number | null = long,
  ): Promise<ClaimAsk> {
    const ask = await this.inProgress(over);
    await this.complete(ask, 'stored', outcome, retentionMs);
    return ask;
  }

  /** A record whose owner, the token of what is returned, went silent. */
  async abandoned(over: Partial<ClaimAsk> = {}): Promise<ClaimAsk> {
    const ask = await this.inProgress({ leaseMs: short, ...over });
    await this.passShort();
    return ask;
  }

  /** A record released after attempt 1 with the step `first`. */
  async open(over: Partial<ClaimAsk> = {}, keepMs: number | null = long): Promise<ClaimAsk> {
    const ask = await this.inProgress(over);
    await this.step(ask, 'first', Uint8Array.of(1, 2, 3));
    await this.release(ask, 'released', keepMs);
    return ask;
  }

  /** Completes as the token of `ask` and must get an answer of this kind. */
  async complete(
    { id, token }: Pick<ClaimAsk, 'id' | 'token'>,
    kind: CompleteAnswer['kind'],
    outcome: Outcome = this.answer(),
    retentionMs: number | null = long,
  ): Promise<CompleteAnswer> {
    const answer = await this.store.complete({ id, token, outcome, retentionMs });
    assert.equal(answer.kind, kind, `complete must answer ${kind}`);
    return answer;
  }

  /** Releases as the token of `ask` and must get an answer of this kind. */
  async release(
    { id, token }: Pick<ClaimAsk, 'id' | 'token'>,
    kind: ReleaseAnswer['kind'],
    keepMs: number | null = long,
  ): Promise<void> {
    assert.equal((await this.store.release(id, token, keepMs)).kind, kind, `release must answer ${kind}`);
  }

  /** Extends as the token of `ask` and must get an answer of this kind. */
  async extend(
    { id, token }: Pick<ClaimAsk, 'id' | 'token'>,
    kind: 'kept' | 'lost',
    leaseMs: number = long,
  ): Promise<void> {
    assert.equal((await this.store.extend(id, token, leaseMs)).kind, kind, `extend must answer ${kind}`);
  }

  /** Saves a step as the token of `ask` and must get an answer of this kind. */
  async step(
    { id, token }: Pick<ClaimAsk, 'id' | 'token'>,
    name: string,
    bytes: Uint8Array,
    kind: 'stored' | 'lost' = 'stored',
  ): Promise<void> {
    const answer = await this.store.saveStep(id, token, { name, bytes });
    assert.equal(answer.kind, kind, `saveStep must answer ${kind}`);
  }

  /** The record, which must be there. */
  async read({ id }: Pick<ClaimAsk, 'id'>): Promise<StoredRecord> {
    const record = await this.store.read(id);
    assert.ok(record !== undefined, 'the record must be there');
    return record;
  }

  /** The record must be in this state, or absent. */
  async expectState({ id }: Pick<ClaimAsk, 'id'>, state: RecordState | 'absent'): Promise<void> {
    const record = await this.store.read(id);
    assert.equal(record?.state ?? 'absent', state, `the record must be ${state}`);
  }

  /** A claim by somebody else must answer this outcome. */
  async expectOutcome(ask: ClaimAsk, outcome: Outcome): Promise<void> {
    sameOutcome((await this.claim(this.other(ask), 'completed')).outcome, outcome);
  }

  /** Runs `act`, which must not change the record. */
  async unchanged(ask: Pick<ClaimAsk, 'id'>, act: () => Promise<void>): Promise<void> {
    const before = facts(await this.read(ask));
    await act();
    assert.deepEqual(facts(await this.read(ask)), before, 'the record must not change');
  }

  /** Waits until what lasts `short` is over. */
  async passShort(): Promise<void> {
    await this.#pass(pastShort);
  }

  /** A few milliseconds, for something that is on its way. */
  async passMoment(): Promise<void> {
    await this.#pass(5);
  }

  /** Ten years when the store's time can be moved, else a moment. */
  async passAges(): Promise<void> {
    await this.#pass(this.canMoveTime ? tenYears : pastShort);
  }

  /** Whether time can be moved instead of waited for. */
  get canMoveTime(): boolean {
    return this.#opened.clock !== undefined || this.#opened.advance !== undefined;
  }

  async #pass(ms: number): Promise<void> {
    const { clock } = this.#opened;
    if (clock !== undefined) await clock.advance(ms);
    else if (this.#opened.advance !== undefined) await this.#opened.advance(ms);
    else await scheduler.wait(ms);
  }
}

/** Fails unless both say the same, byte for byte. */
export function sameOutcome(actual: Outcome | null, expected: Outcome): void {
  assert.ok(actual !== null, 'there must be an outcome');
  assert.deepEqual(plain(actual), plain(expected), 'the outcome must be the one that was stored');
}

/** Fails unless both hold the same bytes. */
export function sameBytes(actual: Uint8Array | undefined, expected: Uint8Array): void {
  assert.ok(actual instanceof Uint8Array, 'there must be bytes');
  assert.ok(Buffer.from(actual).equals(expected), 'the bytes must be those that were stored');
}

function plain(outcome: Outcome): unknown {
  const { kind, head, body } = splitOutcome(outcome);
  return { kind, head: JSON.parse(head) as unknown, body: body === null ? null : Buffer.from(body).toString('hex') };
}

/** What of a record may only change when somebody is allowed to change it; what runs by itself is left out. */
function facts(record: StoredRecord): unknown {
  const { leaseLeftMs: _lease, retentionLeftMs: _retention, outcome, steps, ...rest } = record;
  const plainSteps = steps.map(({ name, bytes }) => [name, Buffer.from(bytes).toString('hex')]);
  return { ...rest, outcome: outcome === null ? null : plain(outcome), steps: plainSteps };
}
