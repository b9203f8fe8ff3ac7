/**
 * Replays, counted in memory and written in batches: a replay itself writes nothing.
 * Best effort by design: a crash loses counts, never an outcome.
 */
import type { Clock } from './clock.ts';
import type { Note, RecordId } from './store.ts';

/** Most records noted between two writes; replays of further ones go uncounted. */
const maxPending = 10_000;
const flushEveryMs = 1000;

/** Gathers replays and hands them to `write` about once a second. */
export class ReplayNotes {
  readonly #counts = new Map<RecordId, number>();
  readonly #clock: Clock;
  readonly #write: (notes: readonly Note[]) => Promise<void>;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, write: (notes: readonly Note[]) => Promise<void>) {
    this.#clock = clock;
    this.#write = write;
  }

  /** Counts one replay. */
  add(id: RecordId): void {
    const count = this.#counts.get(id);
    if (count === undefined && this.#counts.size >= maxPending) return;
    this.#counts.set(id, (count ?? 0) + 1);
    this.#cancel ??= this.#clock.after(flushEveryMs, () => {
      // `write` reports its own failures.
      this.flush().catch(() => undefined);
    });
  }

  /** Writes what is pending. */
  async flush(): Promise<void> {
    this.#cancel?.();
    this.#cancel = undefined;
    if (this.#counts.size === 0) return;
    const notes = Array.from(this.#counts, ([id, count]): Note => ({ id, kind: 'replay', count }));
    this.#counts.clear();
    await this.#write(notes);
  }
}
