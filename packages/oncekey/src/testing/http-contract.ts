/**
 * The contract that every HTTP entry is held to, as data: cases with an id, a name and a
 * function that rejects when the app does otherwise, over real sockets. No test runner
 * is imported and no framework named, so that anyone's entry can be held to it.
 */
import { HttpCaseContext, type HttpCaseDefinition } from './http/case.ts';
import { bodyCases } from './http/bodies.ts';
import { fingerprintCases } from './http/fingerprints.ts';
import { headerCases } from './http/headers.ts';
import { keyCases } from './http/keys.ts';
import { leaseCases } from './http/lease.ts';
import { leavingCases } from './http/leaving.ts';
import { modeCases } from './http/modes.ts';
import { problemCases } from './http/problems.ts';
import { requestCases } from './http/requests.ts';
import { scopeCases } from './http/scopes.ts';
import type { HttpAbility, OpenApp } from './http/setup.ts';
import { sizeCases } from './http/sizes.ts';
import { statusCases } from './http/statuses.ts';
import { storeCases } from './http/store.ts';
import { streamCases } from './http/streams.ts';
import { waitingCases } from './http/waiting.ts';
import { randomFrom, seedOfRun } from './seed.ts';
import type { CaseResult } from './store-contract.ts';

/** One thing that an entry must do. Cases stand alone and may run in parallel. */
export interface HttpContractCase {
  /** Stable, such as `key-quoted-is-bare`. */
  readonly id: string;
  /** A sentence about apps. */
  readonly name: string;
  /** Why this app is excepted from the case. */
  readonly skip?: string;
  /** Tries it; rejects with what the app did otherwise, naming the seed. */
  readonly run: () => Promise<CaseResult>;
}

/** How one entry is held to the contract. */
export interface HttpContractOptions {
  /** What the app cannot show, each with the reason; cases that need it are skipped. */
  readonly lacks?: Partial<Readonly<Record<HttpAbility, string>>>;
  /** Cases that do not hold for this app: a reason by id. */
  readonly except?: Readonly<Record<string, string>>;
}

const definitions: readonly HttpCaseDefinition[] = [
  ...keyCases,
  ...scopeCases,
  ...fingerprintCases,
  ...statusCases,
  ...headerCases,
  ...bodyCases,
  ...streamCases,
  ...leavingCases,
  ...sizeCases,
  ...requestCases,
  ...waitingCases,
  ...leaseCases,
  ...storeCases,
  ...problemCases,
  ...modeCases,
];

/**
 * The cases for the apps that `open` gives. Throws a TypeError when `except` names a case that there is not.
 * Random data comes from ONCEKEY_SEED when it is set.
 */
export function httpContract(open: OpenApp, options: HttpContractOptions = {}): readonly HttpContractCase[] {
  const { lacks = {}, except = {} } = options;
  for (const id of Object.keys(except)) {
    if (!definitions.some((definition) => definition.id === id)) {
      throw new TypeError(`httpContract: except names ${JSON.stringify(id)}, and there is no such case`);
    }
  }
  const seed = seedOfRun();
  return definitions.map((definition) => {
    const { id, name, needs = [] } = definition;
    const missing = needs.find((ability) => lacks[ability] !== undefined);
    const skip = except[id] ?? (missing === undefined ? undefined : lacks[missing]);
    const run = async (): Promise<CaseResult> =>
      skip === undefined ? tryCase(open, definition, seed) : { kind: 'skipped', reason: skip };
    return { id, name, run, ...(skip !== undefined && { skip }) };
  });
}

async function tryCase(open: OpenApp, definition: HttpCaseDefinition, seed: number): Promise<CaseResult> {
  const context = new HttpCaseContext(open, randomFrom(seed, definition.id));
  try {
    await definition.run(context);
    return { kind: 'passed' };
  } catch (cause) {
    const what = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${definition.id} (ONCEKEY_SEED=${seed}): ${what}`, { cause });
  } finally {
    await context.close();
  }
}
