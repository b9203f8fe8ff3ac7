/**
 * Who waits for a record hears of its changes, on a connection of the store's own that is
 * opened when the first one asks. Hints only: a message that gets lost costs the waiter
 * one of his own looks (I17).
 */
import type { RecordId } from '../../core/store.ts';
import { Watchers } from '../in-process/watchers.ts';
import type { Subscription } from './connection.ts';
import { idLength } from './key.ts';

/** Hears messages and tells who watches. */
export class Messages {
  readonly #subscribe: (heard: (message: Buffer) => void) => Subscription;
  readonly #watchers = new Watchers();
  readonly #watched = new Set<RecordId>();
  #state: 'idle' | 'starting' | 'hearing' | 'closed' = 'idle';
  #subscription: Subscription | undefined;

  constructor(subscribe: (heard: (message: Buffer) => void) => Subscription) {
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
    await this.#stop();
  }

  #start(): void {
    this.#state = 'starting';
    this.#begin()
      .then(
        () => this.#started(),
        () => this.#failed(),
      )
      .catch(() => undefined);
  }

  async #begin(): Promise<void> {
    this.#subscription = this.#subscribe((message) => this.#heard(message));
    await this.#subscription.hearing;
  }

  /** A connection that was ended already, or that never came, is gone either way. */
  async #stop(): Promise<void> {
    const subscription = this.#subscription;
    this.#subscription = undefined;
    try {
      await subscription?.stop();
    } catch {
      // Nobody waits for it any more.
    }
  }

  // Without messages waiters go by their own looks; the next one who watches tries again.
  async #failed(): Promise<void> {
    if (this.#state === 'starting') this.#state = 'idle';
    this.#watched.clear();
    await this.#stop();
  }

  #started(): void {
    if (this.#state !== 'starting') return;
    this.#state = 'hearing';
    // Something may have changed before anybody heard.
    for (const id of this.#watched) this.#watchers.tell(id);
    this.#watched.clear();
  }

  #heard(message: Buffer): void {
    const ids = message.toString('latin1');
    for (let at = 0; at + idLength <= ids.length; at += idLength) this.#watchers.tell(ids.slice(at, at + idLength));
  }
}
