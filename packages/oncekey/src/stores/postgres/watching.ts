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
import { type PostgresListener, listenOn } from './notices.ts';
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
  readonly #notify: Statement;
  readonly #listener: PostgresListener | undefined;
  #listening: Promise<void> | undefined;
  #hears = false;
  #unlisten: (() => Promise<unknown>) | undefined;
  #pauseMs = shortestPauseMs;
  #cancel: (() => void) | undefined;

  constructor(server: Server, listener: PostgresListener | undefined) {
    const { records, channel } = server.names;
    this.#server = server;
    this.#listener = listener;
    this.#look = statement(
      ['id'],
      ({ a, among }) => `SELECT encode(r.id, 'hex') AS id, r.revision::text AS revision
        FROM ${among}${records} r WHERE ${hasId(a.id)}`,
    );
    this.#notify = statement(['id'], ({ a, from }) => `SELECT pg_notify('${channel}', ${a.id})::text${from}`);
  }

  /** {@link Store.watch}. */
  add(id: RecordId, changed: () => void): () => void {
    const end = this.#watchers.add(id, changed);
    const watched = this.#watched.get(id) ?? { times: 0, seen: undefined };
    this.#watched.set(id, watched);
    watched.times++;
    this.#listen();
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

  /** Tells who watches the record in this process, and other processes when they listen. */
  tell(id: RecordId): void {
    this.#watchers.tell(id);
    if (this.#listener === undefined) return;
    // The change itself is done; who misses the notice finds it by asking.
    this.#server.run(this.#notify, [[id]]).catch(() => undefined);
  }

  /** Forgets everybody. */
  async close(): Promise<void> {
    this.#watched.clear();
    this.#watchers.clear();
    this.#cancel?.();
    this.#cancel = undefined;
    await this.#listening;
    this.#hears = false;
    await this.#unlisten?.().catch(() => undefined);
    this.#unlisten = undefined;
    this.#listening = undefined;
  }

  // Until it hears, and whenever it cannot, records are polled.
  #listen(): void {
    if (this.#listener === undefined || this.#listening !== undefined) return;
    const deaf = (): void => {
      this.#hears = false;
      this.#unlisten = undefined;
      if (this.#watched.size > 0) this.#pollSoon();
    };
    const heard = (id: string): void => this.#watchers.tell(id);
    this.#listening = listenOn(this.#listener, this.#server.names.channel, heard, deaf).then((unlisten) => {
      this.#hears = true;
      this.#unlisten = unlisten;
    }, deaf);
  }

  #pollSoon(): void {
    this.#pauseMs = shortestPauseMs;
    if (!this.#hears) this.#cancel ??= systemClock.after(this.#pauseMs, this.#poll);
  }

  readonly #poll = (): void => {
    const again = (): void => {
      if (this.#cancel === undefined || this.#watched.size === 0 || this.#hears) {
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
        this.#watchers.tell(id);
        this.#pauseMs = shortestPauseMs;
      }
      watched.seen = now;
    }
  }
}
