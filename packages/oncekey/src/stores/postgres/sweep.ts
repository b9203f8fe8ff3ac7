/**
 * Removes what has expired and nothing else (I13). Without an index on expiry, which would
 * cost every write, it walks the table by ranges of pages and remembers where it stopped:
 * each range is one short statement that skips rows in somebody else's hands.
 */
import type { SweepAnswer } from '../../core/store.ts';
import { numberOf } from './rows.ts';
import type { Server } from './server.ts';

/** Pages of one statement: 16 MiB at PostgreSQL's usual page size. */
const rangePages = 2048;
/** Rows of one statement, so that no statement takes long. */
const rangeRows = 1000;

/** One store's walk through the table. */
export class Sweeper {
  readonly #server: Server;
  readonly #text: string;
  #page = 0;

  constructor(server: Server) {
    this.#server = server;
    const { records } = server.names;
    const isExpired = 'expires_at <= clock_timestamp()';
    this.#text = `WITH expired AS MATERIALIZED (
        SELECT ctid AS place FROM ${records}
        WHERE ctid >= $1::text::tid AND ctid < $2::text::tid AND ${isExpired}
        LIMIT $3::text::integer FOR UPDATE SKIP LOCKED),
      gone AS (
        DELETE FROM ${records} WHERE ctid = ANY (ARRAY(SELECT place FROM expired)) AND ${isExpired} RETURNING 1)
      SELECT (SELECT count(*) FROM gone)::text AS removed,
        (pg_relation_size('${records}') / current_setting('block_size')::integer)::text AS pages`;
  }

  /** {@link Store.sweep}: at most once through the whole table. */
  async sweep(limit: number): Promise<SweepAnswer> {
    let removed = 0;
    let walked = 0;
    for (;;) {
      const atMost = Math.min(limit - removed, rangeRows);
      // One after the other, so that other calls come in between.
      // oxlint-disable-next-line no-await-in-loop
      const range = await this.#range(atMost);
      removed += range.removed;
      const isDone = range.removed < atMost;
      if (isDone) {
        walked += rangePages;
        this.#page = this.#page + rangePages < range.pages ? this.#page + rangePages : 0;
      }
      if (removed >= limit) return { removed, more: true };
      if (isDone && walked >= range.pages) return { removed, more: false };
    }
  }

  async #range(atMost: number): Promise<{ removed: number; pages: number }> {
    const [from, to] = [`(${this.#page},0)`, `(${this.#page + rangePages},0)`];
    const [row = {}] = await this.#server.runText(this.#text, [from, to, String(atMost)]);
    return { removed: numberOf(row, 'removed'), pages: numberOf(row, 'pages') };
  }
}
