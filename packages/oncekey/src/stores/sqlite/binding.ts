/**
 * Records from inside an open transaction of the user's (I9): effect and outcome commit
 * together or not at all. SQLite has one writer at a time, so that who is inside an
 * immediate transaction is alone. Values stand in the text as literals: libraries bind
 * bytes and whole numbers each in their own way. Rows are read by the order of their columns:
 * libraries can be set to rename them.
 */
import type { Clock } from '../../core/clock.ts';
import type { ClaimAnswer, ClaimAsk, CompleteAnswer, CompleteAsk, Executor, Store } from '../../core/store.ts';
import { claimGone } from '../claim-gone.ts';
import { splitChecked } from '../stored-form/checked-outcome.ts';
import { expiryOf, ownsRow, refusal } from './ownership.ts';
import { type DecidingRow, type RecordRow, idBytes, instant, isExpired, plainBytes, toRecord } from './rows.ts';
import { allColumns, decidingColumns } from './statements.ts';

type Bound = Pick<Store, 'claim' | 'complete' | 'read'>;

/** {@link Store.bind}. */
export function bind(execute: Executor, clock: Clock): Bound {
  const transaction = new Transaction(execute, () => Math.floor(clock.nowMs()));
  return {
    claim: (ask) => transaction.claim(ask),
    complete: (ask) => transaction.complete(ask),
    read: async (id) => {
      const nowMs = Math.floor(clock.nowMs());
      const [row] = await transaction.select<RecordRow>(allColumns, id);
      if (row === undefined || isExpired(row, nowMs)) return undefined;
      return toRecord(row, await transaction.steps(id), nowMs);
    },
  };
}

class Transaction {
  readonly #execute: Executor;
  readonly #nowMs: () => number;

  constructor(execute: Executor, nowMs: () => number) {
    this.#execute = execute;
    this.#nowMs = nowMs;
  }

  async select<Row>(columns: string, id: string): Promise<readonly Row[]> {
    return this.#rows<Row>(columns, `oncekey_records WHERE id = ${literal(idBytes(id))}`);
  }

  async steps(id: string): Promise<{ name: string; bytes: Uint8Array }[]> {
    const from = `oncekey_steps WHERE id = ${literal(idBytes(id))} ORDER BY position`;
    const rows = await this.#rows<{ name: string; bytes: Uint8Array }>('name, bytes', from);
    return rows.map(({ name, bytes }) => ({ name, bytes: plainBytes(bytes) }));
  }

  async claim(ask: ClaimAsk): Promise<ClaimAnswer> {
    const nowMs = this.#nowMs();
    const [row] = await this.select<DecidingRow>(decidingColumns, ask.id);
    if (row === undefined || isExpired(row, nowMs)) {
      if (row !== undefined) await this.#write(`DELETE FROM oncekey_records WHERE id = ${literal(idBytes(ask.id))}`);
      await this.#insert(ask, nowMs);
      return { kind: 'granted', attempt: 1, steps: [] };
    }
    const refused = ownsRow(row, ask.token) ? undefined : refusal(row, ask, nowMs);
    if (refused !== undefined) return refused;
    const attempt = ownsRow(row, ask.token) ? row.attempt : row.attempt + 1;
    await this.#write(`UPDATE oncekey_records SET state = 'in-progress', attempt = ${attempt}, revision = revision + 1,
      token = ${literal(ask.token)}, fingerprint = coalesce(fingerprint, ${literal(ask.fingerprint)}),
      lease_end_ms = ${literal(instant(nowMs, ask.leaseMs))}, expires_at_ms = ${literal(expiryOf(ask, nowMs))},
      last_seen_at_ms = ${nowMs} WHERE id = ${literal(idBytes(ask.id))}`);
    return { kind: 'granted', attempt, steps: row.step_count === 0 ? [] : await this.steps(ask.id) };
  }

  async complete({ id, token, outcome, retentionMs }: CompleteAsk): Promise<CompleteAnswer> {
    const nowMs = this.#nowMs();
    const { kind, head, crc32, body } = splitChecked(id, outcome);
    const written = await this.#write(`UPDATE oncekey_records SET state = 'completed', revision = revision + 1,
      lease_end_ms = NULL, step_count = 0, expires_at_ms = ${literal(instant(nowMs, retentionMs))},
      completed_at_ms = ${nowMs}, outcome_kind = ${literal(kind)}, outcome_head = ${literal(head)},
      outcome_crc32 = ${literal(crc32)}, outcome_body = ${literal(body)}
      WHERE id = ${literal(idBytes(id))} AND token = ${literal(token)} AND state = 'in-progress'`);
    if (written !== 1) throw claimGone();
    return { kind: 'stored', completedAtMs: nowMs };
  }

  async #insert(ask: ClaimAsk, nowMs: number): Promise<void> {
    const { scope, operation, key, owner, method, path, eventId } = ask.labels;
    const values = [
      idBytes(ask.id),
      'in-progress',
      1,
      1,
      ask.token,
      ask.fingerprint,
      instant(nowMs, ask.leaseMs),
      expiryOf(ask, nowMs),
      JSON.stringify(scope),
      operation,
      key,
      owner,
      method,
      path,
      eventId,
      nowMs,
      nowMs,
    ];
    await this.#write(`INSERT INTO oncekey_records (id, state, attempt, revision, token, fingerprint, lease_end_ms,
      expires_at_ms, scope, operation, key, owner, method, path, event_id, first_seen_at_ms, last_seen_at_ms)
      VALUES (${values.map(literal).join(', ')})`);
  }

  async #rows<Row>(columns: string, from: string): Promise<readonly Row[]> {
    const names = columns.split(/,\s*/);
    const rows = await this.#execute(`SELECT ${columns} FROM ${from}`, []);
    return rows.map((row) => {
      const cells: unknown[] = Object.values(row);
      return Object.fromEntries(names.map((name, at) => [name, plain(cells[at])])) as Row;
    });
  }

  /** Answers how many rows were written. They are selected: how a library tells a count differs. */
  async #write(text: string): Promise<number> {
    return (await this.#execute(`${text} RETURNING 1 AS written`, [])).length;
  }
}

// Whole numbers come as bigints where a handle is set to that; none here is too large for a number.
function plain(cell: unknown): unknown {
  return typeof cell === 'bigint' ? Number(cell) : cell;
}

// Text too as bytes, so that nothing a caller gave is ever read as a statement.
function literal(value: string | number | Uint8Array | null): string {
  if (value === null) return 'NULL';
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string') return `CAST(x'${Buffer.from(value).toString('hex')}' AS TEXT)`;
  return `x'${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}'`;
}
