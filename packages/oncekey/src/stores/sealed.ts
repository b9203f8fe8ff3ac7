/**
 * A store whose contents only the holder of the keys can read: outcomes, steps and labels
 * are sealed (AES-256-GCM, bound to record and kind) before the wrapped store sees them, and
 * records are found by keyed tags. What cannot be opened is `record_unreadable` and never
 * runs again: a lost key fails closed. What stays readable, plainly: record ids, states,
 * times, counts, tokens, fingerprints (digests of the input), who resolved a record, and sizes.
 */
import { IdempotencyError } from '../core/errors.ts';
import type {
  ClaimAnswer,
  ClaimAsk,
  CompleteAnswer,
  CompleteAsk,
  Granted,
  Labels,
  ListAsk,
  ListPage,
  RecordId,
  ResolveAnswer,
  ResolveAsk,
  SavedStep,
  SaveStepAnswer,
  Store,
  StoredRecord,
  Token,
} from '../core/store.ts';
import { openLabels, openOutcome, openSteps, sealLabels, sealOutcome, sealStep } from './sealed/contents.ts';
import { checkKey, type Keyring, type SealingKey } from './sealed/keyring.ts';
import { taggedAsk, taggedLabels } from './sealed/tags.ts';
import { passedOn } from './wrapped/passed-on.ts';

export { keyring } from './sealed/keyring.ts';
export type { Keyring, KeyringOptions, SealingKey } from './sealed/keyring.ts';

/** Claims granted here whose scope is remembered; that of others is read from the record. */
const mostOwned = 10_000;
/** Pages of the wrapped store that one search by the beginning of a key looks through. */
const mostPages = 20;

/**
 * `store` with everything in it sealed. All that the store has is there. A search by `keyPrefix` opens what it looks
 * through, so a page of it may be short, or empty, and have a cursor still. Records that were there before, unsealed, are
 * `record_unreadable`: begin with an empty store. `list` shows what cannot be opened by its tags, without outcome and steps.
 * A scope without a key is refused with `store_unusable`. Throws a TypeError for a ring without a tag key of 32 bytes.
 */
export function sealed(store: Store, ring: Keyring): Store {
  checkKey('tagKey', ring.tagKey);
  const sealing = new Sealing(store, ring);
  return {
    name: `sealed(${store.name})`,
    ...passedOn(store, ['note', 'erase', 'sweep', 'watch', 'check', 'close']),
    claim: (ask) => sealing.claim(ask),
    extend: (id, token, leaseMs) => store.extend(id, token, leaseMs),
    complete: (ask) => sealing.complete(ask),
    release: (id, token, keepMs) => store.release(id, token, keepMs),
    read: (id) => sealing.read(id),
    saveStep: (id, token, step) => sealing.saveStep(id, token, step),
    ...(store.put && { put: (record) => sealing.put(record) }),
    ...(store.list && { list: (ask) => sealing.list(ask) }),
    ...(store.resolve && { resolve: (ask) => sealing.resolve(ask) }),
  };
}

class Sealing {
  readonly #store: Store;
  readonly #ring: Keyring;
  readonly #scopes = new Map<Token, readonly string[]>();

  constructor(store: Store, ring: Keyring) {
    this.#store = store;
    this.#ring = ring;
  }

  async claim(ask: ClaimAsk): Promise<ClaimAnswer> {
    const key = await this.#keyFor(ask.labels.scope);
    const answer = await this.#store.claim({ ...ask, labels: sealLabels(this.#ring, key, ask.id, ask.labels) });
    switch (answer.kind) {
      case 'granted':
        return this.#granted(ask, answer);
      case 'completed':
        return { ...answer, outcome: await openOutcome(this.#ring, ask.id, answer.outcome) };
      case 'in-progress':
      case 'abandoned':
        return answer;
    }
  }

  async complete(ask: CompleteAsk): Promise<CompleteAnswer> {
    const scope = await this.#scopeOf(ask.id, ask.token);
    if (scope === undefined) return { kind: 'lost' };
    const outcome = sealOutcome(await this.#keyFor(scope), ask.id, ask.outcome);
    const answer = await this.#store.complete({ ...ask, outcome });
    this.#scopes.delete(ask.token);
    return answer;
  }

  async saveStep(id: RecordId, token: Token, step: SavedStep): Promise<SaveStepAnswer> {
    const scope = await this.#scopeOf(id, token);
    if (scope === undefined) return { kind: 'lost' };
    return this.#store.saveStep(id, token, sealStep(this.#ring, await this.#keyFor(scope), id, step));
  }

  async read(id: RecordId): Promise<StoredRecord | undefined> {
    const record = await this.#store.read(id);
    return record && this.#open(record);
  }

  async put(record: StoredRecord): Promise<{ readonly kind: 'put' | 'kept' }> {
    return (await this.#store.put?.(await this.#seal(record))) ?? { kind: 'kept' };
  }

  async resolve(ask: ResolveAsk): Promise<ResolveAnswer> {
    const { id, decision } = ask;
    if (decision.kind === 'rerun') return (await this.#store.resolve?.(ask)) ?? { kind: 'absent' };
    const labels = await this.#labelsOf(id);
    if (labels === undefined) return { kind: 'absent' };
    const outcome = sealOutcome(await this.#keyFor(labels.scope), id, decision.outcome);
    return (await this.#store.resolve?.({ ...ask, decision: { ...decision, outcome } })) ?? { kind: 'absent' };
  }

  async list(ask: ListAsk): Promise<ListPage> {
    const { keyPrefix, limit } = ask;
    const records: StoredRecord[] = [];
    let tagged = taggedAsk(this.#ring.tagKey, ask);
    for (let pages = 1; ; pages++) {
      // Each page tells where the next one begins.
      // oxlint-disable-next-line no-await-in-loop
      const page = (await this.#store.list?.({ ...tagged, limit: limit - records.length })) ?? {
        records: [],
        cursor: null,
      };
      // oxlint-disable-next-line no-await-in-loop
      const opened = await Promise.all(page.records.map((record) => this.#tryOpen(record)));
      page.records.forEach((record, index) => {
        const { labels } = opened[index] ?? {};
        if (keyPrefix === undefined || labels?.key.startsWith(keyPrefix))
          records.push(opened[index] ?? tagsOnly(record));
      });
      const { cursor } = page;
      const enough = keyPrefix === undefined || records.length >= limit || pages >= mostPages;
      if (cursor === null || enough) return { records, cursor };
      tagged = { ...tagged, cursor };
    }
  }

  /** Opens the steps of a claim that was granted; gives it back when they cannot be opened, since nobody may run. */
  async #granted(ask: ClaimAsk, granted: Granted): Promise<Granted> {
    try {
      const steps = await openSteps(this.#ring, ask.id, granted.steps);
      this.#scopes.set(ask.token, ask.labels.scope);
      const [oldest] = this.#scopes.keys();
      if (this.#scopes.size > mostOwned && oldest !== undefined) this.#scopes.delete(oldest);
      return { ...granted, steps };
    } catch (error) {
      await this.#store.release(ask.id, ask.token, ask.keepMs);
      throw error;
    }
  }

  /** Whose record it is; undefined when it is gone or erased. */
  async #scopeOf(id: RecordId, token: Token): Promise<readonly string[] | undefined> {
    return this.#scopes.get(token) ?? (await this.#labelsOf(id))?.scope;
  }

  async #labelsOf(id: RecordId): Promise<Labels | undefined> {
    const record = await this.#store.read(id);
    if (record === undefined || record.state === 'erased') return undefined;
    return openLabels(this.#ring, id, record.labels, false);
  }

  async #keyFor(scope: readonly string[]): Promise<SealingKey> {
    const key = await this.#ring.sealing(scope);
    if (key !== undefined) return key;
    const reason = 'the keyring has no key for this scope';
    throw new IdempotencyError('store_unusable', `${reason}; nothing runs without one`, { reason });
  }

  async #open(record: StoredRecord): Promise<StoredRecord> {
    const { id, state, outcome } = record;
    return {
      ...record,
      labels: await openLabels(this.#ring, id, record.labels, state === 'erased'),
      outcome: outcome === null ? null : await openOutcome(this.#ring, id, outcome),
      steps: await openSteps(this.#ring, id, record.steps),
    };
  }

  async #tryOpen(record: StoredRecord): Promise<StoredRecord | undefined> {
    try {
      return await this.#open(record);
    } catch (error) {
      if (IdempotencyError.is(error, 'record_unreadable')) return undefined;
      throw error;
    }
  }

  async #seal(record: StoredRecord): Promise<StoredRecord> {
    const { id, labels, outcome, steps, state } = record;
    if (state === 'erased') return { ...record, labels: taggedLabels(this.#ring.tagKey, labels, null) };
    const key = await this.#keyFor(labels.scope);
    return {
      ...record,
      labels: sealLabels(this.#ring, key, id, labels),
      outcome: outcome && sealOutcome(key, id, outcome),
      steps: steps.map((step) => sealStep(this.#ring, key, id, step)),
    };
  }
}

/** What an operator can still see of a record that cannot be opened. */
function tagsOnly(record: StoredRecord): StoredRecord {
  return { ...record, labels: { ...record.labels, path: null }, outcome: null, steps: [] };
}
