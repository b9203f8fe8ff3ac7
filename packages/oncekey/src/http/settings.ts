/**
 * Options with their defaults filled in and checked once, at start: a wrong option is a
 * programmer's mistake and throws a TypeError that names it, never a surprise under load.
 */
import { systemClock } from '../core/clock.ts';
import type { Policy } from '../core/engine.ts';
import { defaultStoreTimeoutMs } from '../core/guard.ts';
import type { Store } from '../core/store.ts';
import { keyHeaderName, replayHeaderName } from '../protocol.ts';
import type { ProtocolOptions } from './options.ts';
import { tell, warn } from '../core/tell.ts';

type Filled = Required<
  Omit<ProtocolOptions, 'methods' | 'releasedStatuses' | 'operation' | 'renderProblem' | 'onEvent' | 'atomic'>
>;

/** What the protocol works with. */
export interface Settings extends Filled {
  readonly store: Store;
  readonly protectedMethods: ReadonlySet<string>;
  readonly released: ReadonlySet<number>;
  readonly operationName: string | null;
  readonly renderProblem: ProtocolOptions['renderProblem'];
  readonly onEvent: ProtocolOptions['onEvent'];
  readonly policy: Policy;
  /** Lower case. */
  readonly replayName: string;
}

const neverProtected: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'CONNECT']);
const tokenName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** What `leaseMs` is where nobody says otherwise. */
export const defaultLeaseMs = 30_000;

/** Options that are one of a few words; the first of them is the default. */
const words = {
  missingKey: ['pass', 'reject'],
  invalidKey: ['reject', 'pass'],
  keyFormat: ['lenient', 'strict', 'any'],
  keySpaces: ['allow', 'reject'],
  noScope: ['reject', 'public'],
  fingerprint: ['canonical', 'exact', 'none'],
  inProgress: ['reject', 'wait'],
  abandoned: ['rerun', 'hold'],
  serverErrors: ['safe', 'release', 'store'],
  oversize: ['tombstone', 'status-only'],
  storeDown: ['reject', 'pass'],
  unrecorded: ['answer', 'break'],
  errorFormat: ['problem', 'envelope', 'stripe'],
  mode: ['enforce', 'observe'],
} as const;
/** Options that are whole numbers: the default, and the least that is allowed. */
const numbers = {
  maxKeyLength: [255, 1],
  maxCanonicalBytes: [16_384, 0],
  waitMs: [10_000, 0],
  leaseMs: [defaultLeaseMs, 1],
  maxRequestBytes: [2_097_152, 0],
  maxResponseBytes: [1_048_576, 0],
  storeTimeoutMs: [defaultStoreTimeoutMs, 1],
} as const;

type Listed = keyof typeof words | keyof typeof numbers;

const defaults = {
  ...(Object.fromEntries(
    Object.entries({ ...words, ...numbers }).map(([option, [first]]) => [option, first]),
  ) as unknown as Pick<Filled, Listed>),
  keyHeader: keyHeaderName,
  fingerprintHeaders: [],
  retentionMs: 86_400_000,
  replayHeader: replayHeaderName,
  problems: {},
  corsOrigins: [],
  echoKey: false,
};
const defaultMethods = ['POST', 'PATCH'];
const defaultReleased = [401, 403, 407, 408, 409, 421, 423, 425, 429, 431];

/** Checked settings. Throws a TypeError that names the option. */
export function settle(options: ProtocolOptions & { readonly store: Store }): Settings {
  if (typeof options !== 'object' || options === null) throw new TypeError('oncekey: options must be an object');
  if (typeof options.store?.claim !== 'function') throw wrong('store', 'must be a store, such as memory()');
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  // A transaction that failed has undone itself (rule 7).
  const atomic = options.atomic === undefined ? {} : ({ serverErrors: 'release' } as const);
  const base = { clock: systemClock, onWorkError: warn, ...defaults, ...atomic };
  const filled: Filled & Record<string, unknown> = { ...base, ...given };
  checkValues(filled);
  const { inProgress, waitMs, leaseMs, retentionMs, abandoned } = filled;
  const { onEvent } = options;
  return {
    ...filled,
    store: options.store,
    keyHeader: filled.keyHeader.toLowerCase(),
    fingerprintHeaders: filled.fingerprintHeaders.map((name) => name.toLowerCase()).sort(),
    protectedMethods: methodsOf(options.methods ?? defaultMethods),
    released: statusesOf(options.releasedStatuses ?? defaultReleased),
    operationName: operationOf(options.operation),
    renderProblem: options.renderProblem,
    onEvent: onEvent && ((event) => tell(onEvent, event)),
    policy: { inProgress, waitMs, leaseMs, retentionMs, abandoned },
    replayName: filled.replayHeader.toLowerCase(),
  };
}

function checkValues(filled: Readonly<Record<string, unknown>>): void {
  for (const [option, allowed] of Object.entries<readonly unknown[]>(words)) {
    if (!allowed.includes(filled[option])) throw wrong(option, `must be ${allowed.join(' or ')}`);
  }
  for (const [option, [, least]] of Object.entries(numbers)) {
    const value = filled[option];
    if (!Number.isSafeInteger(value) || (value as number) < least)
      throw wrong(option, `must be an integer of at least ${least}`);
  }
  for (const option of ['keyHeader', 'replayHeader']) {
    const value = filled[option];
    if (typeof value !== 'string' || !tokenName.test(value)) throw wrong(option, 'must be a header name');
  }
  for (const option of ['fingerprintHeaders', 'corsOrigins']) checkStrings(option, filled[option]);
  const { retentionMs } = filled as { retentionMs?: unknown };
  if (retentionMs !== null && !(Number.isSafeInteger(retentionMs) && (retentionMs as number) > 0))
    throw wrong('retentionMs', 'must be a positive integer, or null for ever');
}

function methodsOf(methods: readonly string[]): ReadonlySet<string> {
  checkStrings('methods', methods);
  for (const method of methods) {
    if (neverProtected.has(method)) throw wrong('methods', `must not contain ${method}, which is never claimed`);
    if (method !== method.toUpperCase()) throw wrong('methods', 'must be in upper case');
  }
  return new Set(methods);
}

function statusesOf(statuses: readonly number[]): ReadonlySet<number> {
  if (
    !Array.isArray(statuses) ||
    !statuses.every((status) => Number.isInteger(status) && status >= 200 && status < 500)
  )
    throw wrong('releasedStatuses', 'must be a list of statuses from 200 to 499');
  return new Set(statuses);
}

function operationOf(operation: string | undefined): string | null {
  if (operation === undefined) return null;
  if (typeof operation !== 'string' || operation.trim() === '') throw wrong('operation', 'must be a name, not blank');
  return operation.trim();
}

function checkStrings(option: string, value: unknown): void {
  if (!Array.isArray(value) || !value.every((one) => typeof one === 'string' && one !== ''))
    throw wrong(option, 'must be a list of strings that are not empty');
}

function wrong(option: string, rule: string): TypeError {
  return new TypeError(`oncekey: options.${option} ${rule}`);
}
