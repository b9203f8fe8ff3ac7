/**
 * Values that may be promises. A synchronous store answers at once, and the engine
 * then spends no microtask on it: this is where the fast path of memory comes from.
 */

/** A value now, or a promise of it. */
export type MaybePromise<T> = T | Promise<T>;

/** Whether the value has to be awaited. */
export function isPromise<T>(value: MaybePromise<T>): value is Promise<T> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}

/** Continues with `use` at once when `value` is already here, else when it arrives. */
export function chain<T, U>(value: MaybePromise<T>, use: (value: T) => MaybePromise<U>): MaybePromise<U> {
  return isPromise(value) ? value.then(use) : use(value);
}
