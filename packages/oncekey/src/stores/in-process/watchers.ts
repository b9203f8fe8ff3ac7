/**
 * Who wants to hear that a record changed, within one process. Calls come after the
 * change, outside of the caller's stack, so that a listener can neither break nor
 * re-enter a store's write.
 */
import type { RecordId } from '../../core/store.ts';

/** Listeners by record. */
export class Watchers {
  readonly #listeners = new Map<RecordId, Set<() => void>>();

  /** Calls `changed` at each change of the record until the returned function is called. */
  add(id: RecordId, changed: () => void): () => void {
    // A wrapper of its own, so that one function may watch twice.
    const listener = (): void => changed();
    const listeners = this.#listeners.get(id) ?? new Set();
    this.#listeners.set(id, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#listeners.get(id) === listeners) this.#listeners.delete(id);
    };
  }

  /** Tells those who watch the record. */
  tell(id: RecordId): void {
    if (this.#listeners.size === 0) return;
    const listeners = this.#listeners.get(id);
    if (listeners === undefined) return;
    for (const listener of listeners) {
      queueMicrotask(() => {
        if (listeners.has(listener)) listener();
      });
    }
  }

  /** Forgets everybody. */
  clear(): void {
    for (const listeners of this.#listeners.values()) listeners.clear();
    this.#listeners.clear();
  }
}
