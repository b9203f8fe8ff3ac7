/**
 * Watching records that other processes change: asks for all that are watched by one
 * statement, often while something happens and ever less often while nothing does. A hint
 * only, never relied on alone (I17); changes of this process are told without it.
 */
import { systemClock } from '../../core/clock.ts';
import type { RecordId } from '../../core/store.ts';

/** What a record looks like, to notice a change: its revision while its lease runs, else null. */
export type Look = (ids: readonly RecordId[]) => Promise<ReadonlyMap<RecordId, number | null>>;

const firstPauseMs = 20;
const longestPauseMs = 500;
/** The rest is asked for in the next turn. */
const mostIds = 500;

interface Watched {
  readonly listeners: Set<() => void>;
  /** Undefined until it was looked at. */
  seen: number | null | undefined;
}

/** Who watches what. */
export class Watching {
  readonly #look: Look;
  readonly #watched = new Map<RecordId, Watched>();
  #pauseMs = firstPauseMs;
  #cancel: (() => void) | undefined;

  constructor(look: Look) {
    this.#look = look;
  }

  /** Calls `changed` when the record may have changed, until the returned function is called. */
  add(id: RecordId, changed: () => void): () => void {
    const watched = this.#watched.get(id) ?? { listeners: new Set(), seen: undefined };
    // A wrapper of its own, so that one function may watch twice.
    const listener = (): void => changed();
    watched.listeners.add(listener);
    this.#watched.set(id, watched);
    this.#hurry();
    return () => {
      watched.listeners.delete(listener);
      if (watched.listeners.size === 0 && this.#watched.get(id) === watched) this.#watched.delete(id);
    };
  }

  /** Tells those who watch the record, outside of the caller's stack. */
  tell(id: RecordId): void {
    if (this.#watched.size === 0) return;
    const watched = this.#watched.get(id);
    if (watched === undefined) return;
    for (const listener of watched.listeners) {
      queueMicrotask(() => {
        if (watched.listeners.has(listener)) listener();
      });
    }
  }

  /** Forgets everybody. */
  clear(): void {
    for (const { listeners } of this.#watched.values()) listeners.clear();
    this.#watched.clear();
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #hurry(): void {
    this.#pauseMs = firstPauseMs;
    if (this.#cancel === undefined) this.#waitAndAsk();
  }

  #waitAndAsk(): void {
    this.#cancel = systemClock.after(this.#pauseMs, () => void this.#ask());
  }

  async #ask(): Promise<void> {
    const ids = [...this.#watched.keys()].slice(0, mostIds);
    if (ids.length > 0 && (await this.#askAbout(ids))) this.#pauseMs = firstPauseMs;
    else this.#pauseMs = Math.min(this.#pauseMs * 1.5, longestPauseMs);
    this.#cancel = undefined;
    if (this.#watched.size > 0) this.#waitAndAsk();
  }

  /** Whether something has changed. */
  async #askAbout(ids: readonly RecordId[]): Promise<boolean> {
    let looks: ReadonlyMap<RecordId, number | null>;
    try {
      looks = await this.#look(ids);
    } catch {
      // No hint, then. Whoever waits asks by himself too, and is told by that what is wrong with the server.
      return false;
    }
    let changes = 0;
    for (const id of ids) {
      const watched = this.#watched.get(id);
      if (watched === undefined) continue;
      const look = looks.get(id) ?? null;
      // At first sight it is news only that nobody works on it any more.
      const isNews = watched.seen === undefined ? look === null : look !== watched.seen;
      watched.seen = look;
      if (isNews) this.tell(id);
      if (isNews) changes += 1;
      // Asked about last the next time, so that more than one turn's worth all get theirs.
      if (this.#watched.delete(id)) this.#watched.set(id, watched);
    }
    return changes > 0;
  }
}
