/**
 * The contract that every store is held to, as data: cases with an id, a name and a
 * function that rejects when the store does otherwise. No test runner is imported, so
 * that anyone's store can be held to it by any of them.
 */
import type { Store } from '../core/store.ts';
import type { VirtualClock } from './virtual-clock.ts';
import { CaseContext, type CaseDefinition } from './contract/case.ts';
import { abandonedCases } from './contract/abandoned.ts';
import { bytesCases } from './contract/bytes.ts';
import { claimCases } from './contract/claim.ts';
import { completeCases } from './contract/complete.ts';
import { concurrencyCases } from './contract/concurrency.ts';
import { eraseCases } from './contract/erase.ts';
import { extendCases } from './contract/extend.ts';
import { fingerprintCases } from './contract/fingerprint.ts';
import { labelCases } from './contract/labels.ts';
import { listCases } from './contract/list.ts';
import { noteCases } from './contract/notes.ts';
import { openCases } from './contract/open.ts';
import { outcomeCases } from './contract/outcomes.ts';
import { putCases } from './contract/put.ts';
import { readCases } from './contract/read.ts';
import { releaseCases } from './contract/release.ts';
import { resolveCases } from './contract/resolve.ts';
import { retentionCases } from './contract/retention.ts';
import { revisionCases } from './contract/revision.ts';
import { stepCases } from './contract/steps.ts';
import { sweepCases } from './contract/sweep.ts';
import { watchCases } from './contract/watch.ts';
import { randomFrom, seedOfRun } from './seed.ts';

/** A store ready to be tried, and what moves its time. */
export interface OpenedStore {
  readonly store: Store;
  /** Given when the store's time is this clock's: then no case waits. */
  readonly clock?: VirtualClock;
  /** Lets the store's time pass in another way; without it and without a clock the cases wait, 220 ms at a time. */
  advance?(ms: number): Promise<void>;
  close(): Promise<void>;
}

/** Opens a store for one case. Cases use random ids and never count on an empty store, so one database may serve all. */
export type OpenStore = () => Promise<OpenedStore>;

/** `skipped`: nothing was tried, for the reason given. A failing case rejects instead. */
export type CaseResult = { readonly kind: 'passed' } | { readonly kind: 'skipped'; readonly reason: string };

/** One thing that a store must do. Cases stand alone and may run in parallel. */
export interface ContractCase {
  /** Stable, such as `claim-absent`. */
  readonly id: string;
  /** A sentence about stores. */
  readonly name: string;
  /** Optional methods without which the case is skipped. */
  readonly needs?: readonly (keyof Store)[];
  /** Why this store is excepted from the case. */
  readonly skip?: string;
  /** Tries it; rejects with what the store did otherwise, naming the seed. */
  readonly run: () => Promise<CaseResult>;
}

/** How one store is held to the contract. */
export interface ContractOptions {
  /** Cases that do not hold for this store: a reason by id. */
  readonly except?: Readonly<Record<string, string>>;
}

const definitions: readonly CaseDefinition[] = [
  ...claimCases,
  ...fingerprintCases,
  ...extendCases,
  ...completeCases,
  ...releaseCases,
  ...openCases,
  ...abandonedCases,
  ...stepCases,
  ...retentionCases,
  ...revisionCases,
  ...readCases,
  ...labelCases,
  ...outcomeCases,
  ...bytesCases,
  ...concurrencyCases,
  ...noteCases,
  ...listCases,
  ...resolveCases,
  ...eraseCases,
  ...sweepCases,
  ...putCases,
  ...watchCases,
];

/**
 * The cases for the store that `open` gives. Throws a TypeError when `except` names a case that there is not.
 * Random data comes from ONCEKEY_SEED when it is set.
 */
export function storeContract(open: OpenStore, options: ContractOptions = {}): readonly ContractCase[] {
  const { except = {} } = options;
  for (const id of Object.keys(except)) {
    if (!definitions.some((definition) => definition.id === id)) {
      throw new TypeError(`storeContract: except names ${JSON.stringify(id)}, and there is no such case`);
    }
  }
  const seed = seedOfRun();
  return definitions.map((definition) => {
    const { id, name, needs } = definition;
    const skip = except[id];
    const run = async (): Promise<CaseResult> =>
      skip === undefined ? tryCase(open, definition, seed) : { kind: 'skipped', reason: skip };
    return { id, name, run, ...(needs !== undefined && { needs }), ...(skip !== undefined && { skip }) };
  });
}

async function tryCase(open: OpenStore, definition: CaseDefinition, seed: number): Promise<CaseResult> {
  const opened = await open();
  try {
    const missing = definition.needs?.find((method) => opened.store[method] === undefined);
    if (missing !== undefined) return { kind: 'skipped', reason: `has no ${missing}` };
    await definition.run(new CaseContext(opened, randomFrom(seed, definition.id)));
    return { kind: 'passed' };
  } catch (cause) {
    const what = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${definition.id} (ONCEKEY_SEED=${seed}): ${what}`, { cause });
  } finally {
    await opened.close();
  }
}
