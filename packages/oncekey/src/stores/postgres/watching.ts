/**
 * Who waits for a record to change. Changes made by this store are told at once; those of
 * other processes by notices, when there is a connection that listens, else found by
 * polling: one statement for all watched records, often at first and more seldom while
 * nothing happens. Hints only: they may come too often, and nobody relies on them alone.
 */
import { systemClock } from '../../core/clock.ts';
import type { RecordId } from '../../core/store.ts';
import { Watchers } from '../in-process/watchers.ts';
import { hasId } from './expressions.ts';
import { textOf } from './rows.ts';
import type { Server } from './server.ts';
import { type Statement, statement } from './statement.ts';

const shortestPauseMs = 20;
const longestPauseMs = 500;

/** The watchers of one store. */
export class Watching {
  readonly #server: Server;
  readonly #watchers = new Watchers();
  /** How often each record is watched, and as what it was seen last. */
  readonly #watched = new Map<RecordId, { times: number; seen: string | undefined }>();
  readonly #look: Statement;
  readonly #polls: boolean;
  #pauseMs = shortestPauseMs;
  #cancel: (() => void) | undefined;

  constructor(server: Server, polls: boolean) {
    this.#server = server;
    this.#polls = polls;
    this.#look = statement(
      ['id'],
      ({ a, among }) => `SELECT encode(r.id, 'hex') AS id, r.revision::text AS revision
        FROM ${among}${server.names.records} r WHERE ${hasId(a.id)}`,
    );
  }

  /** {@link Store.watch}. */
  add(id: RecordId, changed: () => void): () => void {
    const end = this.#watchers.add(id, changed);
    const watched = this.#watched.get(id) ?? { times: 0, seen: undefined };
    this.#watched.set(id, watched);
    watched.times++;
    this.#pollSoon();
    let hasEnded = false;
    return () => {
      end();
      if (hasEnded) return;
      hasEnded = true;
      watched.times--;
      if (watched.times === 0 && this.#watched.get(id) === watched) this.#watched.delete(id);
    };
  }

  /** Tells who watches the record in this process. */
  tell(id: RecordId): void {
    this.#watchers.tell(id);
  }

  /** Forgets everybody. */
  close(): void {
    this.#watched.clear();
    this.#watchers.clear();
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #pollSoon(): void {
    this.#pauseMs = shortestPauseMs;
    if (this.#polls) this.#cancel ??= systemClock.after(this.#pauseMs, this.#poll);
  }

  readonly #poll = (): void => {
    const again = (): void => {
      if (this.#cancel === undefined || this.#watched.size === 0) {
        this.#cancel = undefined;
        return;
      }
      this.#pauseMs = Math.min(this.#pauseMs * 1.5, longestPauseMs);
      this.#cancel = systemClock.after(this.#pauseMs, this.#poll);
    };
    // A server that is down is told by the calls that matter; here it only means to look again later.
    this.#lookOnce().then(again, again);
  };

  async #lookOnce(): Promise<void> {
    const ids = [...this.#watched.keys()];
    const rows = await this.#server.run(
      this.#look,
      ids.map((id) => [id]),
    );
    const revisions = new Map(rows.map((row) => [textOf(row, 'id'), textOf(row, 'revision')]));
    for (const id of ids) {
      const watched = this.#watched.get(id);
      if (watched === undefined) continue;
      const now = revisions.get(id) ?? 'absent';
      if (watched.seen !== undefined && watched.seen !== now) {
        this.tell(id);
        this.#pauseMs = shortestPauseMs;
      }
      watched.seen = now;
    }
  }
}
