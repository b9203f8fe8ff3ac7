/**
 * What a wrapper leaves to the store it wraps. An optional method that the wrapped store
 * lacks stays absent: present or absent, never half there.
 */
import type { Store } from '../../core/store.ts';

/** The methods a store may lack. */
export type OptionalMethod = 'put' | 'note' | 'list' | 'resolve' | 'erase' | 'sweep' | 'watch' | 'check' | 'close';

/** Those of the named optional methods that the store has, bound to it. */
export function passedOn<K extends OptionalMethod>(store: Store, names: readonly K[]): Pick<Store, K> {
  const present = names.flatMap((name) => {
    const method: unknown = store[name];
    if (typeof method !== 'function') return [];
    return [[name, (...given: unknown[]): unknown => Reflect.apply(method, store, given)] as const];
  });
  return Object.fromEntries(present) as Pick<Store, K>;
}
