/**
 * A store that fails when told to: the n-th call is refused, loses its reply, never
 * answers or comes late. What it wraps stays what it is; nothing is random here, so that
 * a failing test names the call (RELIABILITY check 9).
 */
import type { Clock } from '../core/clock.ts';
import { IdempotencyError } from '../core/errors.ts';
import type { Store } from '../core/store.ts';

/** The methods of a store that can fail; `watch` answers no promise and is left alone. */
export type StoreMethod = Exclude<keyof Store, 'name' | 'watch'>;

/** One planned fault. */
export interface Fault {
  /** Which call, from 1: of `method` when given, else of all. */
  readonly call: number;
  readonly method?: StoreMethod;
  /**
   * `fail`: refused before anything is applied. `lose-reply`: applied, and then the call fails.
   * `hang`: nothing is applied and no answer ever comes. `delay`: applied `delayMs` later by `clock`.
   */
  readonly fault: 'fail' | 'lose-reply' | 'hang' | { readonly delayMs: number; readonly clock: Clock };
  /** What is thrown; default an IdempotencyError `store_unavailable`. */
  readonly error?: unknown;
}

/** A store with planned faults, which counts. */
export interface FaultyStore extends Store {
  /** How many calls came so far: of one method, or of all. */
  calls(method?: StoreMethod): number;
}

const methods: ReadonlySet<string | symbol> = new Set<StoreMethod>([
  'claim',
  'extend',
  'complete',
  'release',
  'read',
  'saveStep',
  'put',
  'note',
  'list',
  'resolve',
  'erase',
  'sweep',
  'check',
  'close',
]);

function isStoreMethod(name: string | symbol): name is StoreMethod {
  return methods.has(name);
}

/** Wraps `store` so that the calls named in `plan` go wrong; methods that it lacks stay absent. */
export function faulty(store: Store, plan: readonly Fault[]): FaultyStore {
  const counts = new Map<StoreMethod, number>();
  let total = 0;

  function act(method: StoreMethod, apply: () => unknown): unknown {
    const count = (counts.get(method) ?? 0) + 1;
    counts.set(method, count);
    total++;
    const ofAll = total;
    const fault = plan.find(({ call, method: only }) =>
      only === undefined ? call === ofAll : only === method && call === count,
    );
    return fault === undefined ? apply() : goWrong(fault, method, apply);
  }

  const calls = (method?: StoreMethod): number => (method === undefined ? total : (counts.get(method) ?? 0));
  const handler: ProxyHandler<Store> = {
    get(target, name) {
      if (name === 'calls') return calls;
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      if (!isStoreMethod(name)) return (...given: unknown[]): unknown => Reflect.apply(member, target, given);
      return (...given: unknown[]): unknown => act(name, () => Reflect.apply(member, target, given));
    },
  };
  // The proxy answers `calls` beside everything that the store has.
  return new Proxy(store, handler) as FaultyStore;
}

async function goWrong({ fault, error }: Fault, method: StoreMethod, apply: () => unknown): Promise<unknown> {
  if (fault === 'hang') return new Promise(() => {});
  if (typeof fault === 'object') {
    await new Promise<void>((resume) => fault.clock.after(fault.delayMs, resume));
    return apply();
  }
  if (fault === 'lose-reply') await apply();
  throw error ?? planned(method);
}

function planned(method: StoreMethod): IdempotencyError {
  const message = `a planned fault at ${method}; it is part of the test`;
  return new IdempotencyError('store_unavailable', message, { phase: method === 'claim' ? 'claim' : 'other' });
}
