/**
 * The choices of `createOnce`, their defaults and their limits. A wrong one is the
 * programmer's mistake: a TypeError at construction that names it.
 */
import type { EngineOptions, Policy } from '../core/engine.ts';
import type { DurationMs } from '../core/store.ts';
import { whole } from './whole.ts';

/** What may differ from call to call. */
export interface CallPolicy {
  /** Ownership without a heartbeat lasts this long; default 30000 ms, at least 10. */
  readonly leaseMs?: number;
  /** How long the outcome answers, from completion; default 86400000 ms (24 h); null for ever. */
  readonly retentionMs?: DurationMs;
  /** A duplicate while the first runs: `in_progress` at once (default), or wait for the outcome. */
  readonly inProgress?: 'reject' | 'wait';
  /** Longest wait; default 10000 ms. */
  readonly waitMs?: number;
  /** After a crash mid-work: run again (default), or `outcome_unknown` until an operator resolves it. */
  readonly abandoned?: 'rerun' | 'hold';
  /** What a throw leaves behind: the failure, because an effect may exist (default), or nothing. */
  readonly failures?: 'store' | 'release';
  /**
   * Whether `currentWork()` finds this work in all that the function starts, and a nested `run` of the same key joins it;
   * default true. Without, only the function itself is handed it; before Node 24 that spares every promise of the process
   * a hook.
   */
  readonly currentWork?: boolean;
}

/** Options of `createOnce`. */
export interface OnceOptions extends EngineOptions, CallPolicy {
  /** Store down at claim: `store_unavailable` (default), or run unprotected. */
  readonly storeDown?: 'reject' | 'pass';
  /** Store down at completion: the result is returned unrecorded (default), or `store_unavailable` is thrown. */
  readonly unrecorded?: 'answer' | 'break';
  /** Largest stored result in bytes; default 1048576. A larger one is not kept. */
  readonly maxOutcomeBytes?: number;
}

/** All choices made. */
export interface Choices extends Policy {
  readonly failures: 'store' | 'release';
  readonly currentWork: boolean;
  readonly storeDown: 'reject' | 'pass';
  readonly unrecorded: 'answer' | 'break';
  readonly maxOutcomeBytes: number;
}

const defaults: Choices = {
  leaseMs: 30_000,
  retentionMs: 86_400_000,
  inProgress: 'reject',
  waitMs: 10_000,
  abandoned: 'rerun',
  failures: 'store',
  currentWork: true,
  storeDown: 'reject',
  unrecorded: 'answer',
  maxOutcomeBytes: 1_048_576,
};

const names = Object.keys(defaults) as (keyof Choices)[];

const words: { readonly [K in keyof Choices]?: readonly string[] } = {
  inProgress: ['reject', 'wait'],
  abandoned: ['rerun', 'hold'],
  failures: ['store', 'release'],
  storeDown: ['reject', 'pass'],
  unrecorded: ['answer', 'break'],
};

const least: { readonly [K in keyof Choices]?: number } = {
  leaseMs: 10,
  retentionMs: 1,
  waitMs: 0,
  maxOutcomeBytes: 0,
};

/** The choices given, over `base`. Throws TypeError naming the option that is wrong. */
export function choose(given: Partial<Choices>, base: Choices = defaults): Choices {
  let chosen: Record<string, unknown> | undefined;
  for (const name of names) {
    const value = given[name];
    if (value === undefined) continue;
    check(name, value);
    (chosen ??= { ...base })[name] = value;
  }
  return chosen === undefined ? base : (chosen as unknown as Choices);
}

function check(name: keyof Choices, value: unknown): void {
  const allowed = words[name];
  if (allowed !== undefined) {
    if (typeof value === 'string' && allowed.includes(value)) return;
    throw new TypeError(`${name} is ${JSON.stringify(value)}; use ${allowed.map((word) => `'${word}'`).join(' or ')}`);
  }
  if (name === 'currentWork') {
    if (typeof value === 'boolean') return;
    throw new TypeError(`currentWork is ${JSON.stringify(value)}; use true or false`);
  }
  if (name === 'retentionMs' && value === null) return;
  whole(name, value, least[name] ?? 0);
}
