/**
 * Who waits for a record hears of its changes, on a connection of the store's own that is
 * opened when the first one asks. Hints only: a message that gets lost costs the waiter
 * one of his own looks (I17).
 */
import type { RecordId } from '../../core/store.ts';
import { Watchers } from '../in-process/watchers.ts';
import { idLength } from './key.ts';

/** Hears messages and tells who watches. */
export class Messages {
  readonly #subscribe: (heard: (message: Buffer) => void) => Promise<() => Promise<void>>;
  readonly #watchers = new Watchers();
  readonly #watched = new Set<RecordId>();
  #state: 'idle' | 'starting' | 'hearing' | 'closed' = 'idle';
  #stop: (() => Promise<void>) | undefined;

  constructor(subscribe: (heard: (message: Buffer) => void) => Promise<() => Promise<void>>) {
    this.#subscribe = subscribe;
  }

  /** {@link Store.watch}. */
  watch(id: RecordId, changed: () => void): () => void {
    const end = this.#watchers.add(id, changed);
    if (this.#state === 'idle') this.#start();
    if (this.#state === 'starting') this.#watched.add(id);
    return end;
  }

  /** Ends it for good. */
  async close(): Promise<void> {
    this.#state = 'closed';
    this.#watchers.clear();
    await this.#stop?.();
  }

  #start(): void {
    this.#state = 'starting';
    this.#subscribe((message) => this.#heard(message)).then(
      (stop) => this.#started(stop),
      () => this.#failed(),
    );
  }

  // Without messages waiters go by their own looks; the next one who watches tries again.
  #failed(): void {
    if (this.#state === 'starting') this.#state = 'idle';
    this.#watched.clear();
  }

  #started(stop: () => Promise<void>): void {
    if (this.#state === 'closed') {
      // Nobody waits for it any more, and it is gone either way.
      stop().catch(() => undefined);
      return;
    }
    this.#state = 'hearing';
    this.#stop = stop;
    // Something may have changed before anybody heard.
    for (const id of this.#watched) this.#watchers.tell(id);
    this.#watched.clear();
  }

  #heard(message: Buffer): void {
    const ids = message.toString('latin1');
    for (let at = 0; at + idLength <= ids.length; at += idLength) this.#watchers.tell(ids.slice(at, at + idLength));
  }
}
