/**
 * Claims, several in one go: all that reading can answer is answered without a write or a
 * lock; the absent ones are inserted by one statement, whose unique key decides among rivals
 * (I1); a record to be taken over is written under the condition that it still is as it was
 * read. What somebody else was quicker to change is read again. Where keys have been fresh,
 * inserting comes first, and is all.
 */
import type { ClaimAnswer, ClaimAsk, RecordId } from '../../core/store.ts';
import type { BatchEntry } from '../coalesce.ts';
import { type Claim, ClaimBatch } from './claim-batch.ts';
import type { Place, Statements } from './database.ts';
import { amongIds, findRows, idBytes } from './reading.ts';
import type { DecidingRow } from './rows.ts';
import { type Write, living, microseconds, nowUs, spell } from './statement.ts';

/** Nobody loses so often but by a fault. */
const mostRounds = 20;

/** Sends claims to one table. */
export class Claiming {
  readonly #db: Statements;
  readonly #lock: string;
  readonly #table: string;
  /** Whether the last batch met a record: then the next one reads first, which takes no lock. Else it inserts first. */
  #expectsRecord = false;

  /** `lock` is put behind what reads records that are not owned yet; with one they are always read first. */
  constructor({ db, table }: Pick<Place<Statements>, 'db' | 'table'>, lock: string = '') {
    this.#db = db;
    this.#lock = lock;
    this.#table = table;
  }

  /** One entry per ask, in their order. Several may be about one record. */
  async send(asks: readonly ClaimAsk[]): Promise<BatchEntry<ClaimAnswer>[]> {
    const batch = new ClaimBatch(asks);
    if (!this.#expectsRecord && this.#lock === '') await this.#insert(batch.firstOfEach());
    for (let round = 1; batch.waiting.length > 0 && round <= mostRounds; round++) {
      // Each round stands on what the one before did.
      // oxlint-disable-next-line no-await-in-loop
      const found = await this.#playRound(batch);
      this.#expectsRecord = found > 0;
    }
    return batch.entries();
  }

  /** Answers how many records were found. */
  async #playRound(batch: ClaimBatch): Promise<number> {
    const ids = [...new Set(batch.waiting.map(({ ask }) => ask.id))].sort();
    const found = await findRows(this.#db.run, this.#table, ids, this.#lock);
    const { absent, expired, continued } = batch.look(found);
    if (expired.length > 0) await this.#removeExpired(expired.toSorted());
    if (absent.length > 0) await this.#insert(absent);
    for (const { claim, row, granted } of continued) {
      // One after the other: takeovers are rare, and all connections belong to the application.
      // oxlint-disable-next-line no-await-in-loop
      if (await this.#continue(claim.ask, row)) claim.entry = { answer: granted };
    }
    return found.size;
  }

  // Ids in order, so that no two statements wait for each other. When some came too late, reading tells which.
  async #insert(claims: readonly Claim[]): Promise<void> {
    const sorted = claims.toSorted((one, other) => (one.ask.id < other.ask.id ? -1 : 1));
    const { affected } = await this.#db.run(
      spell(
        sorted.length,
        (
          write,
        ) => `INSERT IGNORE INTO ${this.#table} (id, state, attempt, revision, token, fingerprint, first_seen_at_us,
          last_seen_at_us, lease_end_us, keep_us, expires_at_us, scope, operation, \`key\`, owner, method, path,
          event_id) VALUES ${sorted.map(({ ask }) => valuesOf(ask, write)).join(', ')}`,
      ),
    );
    const all = affected === sorted.length;
    for (const claim of sorted) {
      if (all) claim.entry = { answer: { kind: 'granted', attempt: 1, steps: [] } };
      else claim.inserted = affected > 0;
    }
  }

  async #removeExpired(ids: readonly RecordId[]): Promise<void> {
    await this.#db.run(
      spell(
        ids.length,
        (write) => `DELETE FROM ${this.#table} WHERE ${amongIds(ids, write)} AND expires_at_us <= ${nowUs}`,
      ),
    );
  }

  // Becomes owner of a record that still is as it was read, or renews the lease of the owner who asks again.
  async #continue(ask: ClaimAsk, row: DecidingRow): Promise<boolean> {
    const isOwn = row.token === ask.token;
    const statement = spell(
      1,
      (write) => `UPDATE ${this.#table} SET ${isOwn ? '' : newOwner(ask, write)} ${newLease(ask, write)}
        WHERE ${isOwn ? stillOwned(ask, write) : asRead(row, write)} AND ${living}`,
    );
    return (await this.#db.run(statement)).affected === 1;
  }
}

// The moment is written once a row, and then referred to by its column: it takes longer to parse than all the literals.
function valuesOf(ask: ClaimAsk, write: Write): string {
  const { scope, operation, key, owner, method, path, eventId } = ask.labels;
  const leaseUs = microseconds(ask.leaseMs) ?? 0;
  const keepUs = microseconds(ask.keepMs);
  const expiryUs = keepUs === null ? null : leaseUs + keepUs;
  const texts = [JSON.stringify(scope), operation, key, owner, method, path, eventId];
  return `(${write(idBytes(ask.id))}, 'in-progress', 1, 1, ${write(ask.token)}, ${write(ask.fingerprint)},
    ${nowUs}, first_seen_at_us, first_seen_at_us + ${write(leaseUs)}, ${write(keepUs)},
    first_seen_at_us + ${write(expiryUs)},
    ${texts.map(write).join(', ')})`;
}

function newOwner(ask: ClaimAsk, write: Write): string {
  return `state = 'in-progress', attempt = attempt + 1, revision = revision + 1, token = ${write(ask.token)},
    fingerprint = COALESCE(fingerprint, ${write(ask.fingerprint)}), last_seen_at_us = ${nowUs},`;
}

function newLease(ask: ClaimAsk, write: Write): string {
  const leaseUs = microseconds(ask.leaseMs) ?? 0;
  const keepUs = microseconds(ask.keepMs);
  const expiryUs = keepUs === null ? null : leaseUs + keepUs;
  return `lease_end_us = ${nowUs} + ${write(leaseUs)}, keep_us = ${write(keepUs)},
    expires_at_us = ${nowUs} + ${write(expiryUs)}`;
}

function stillOwned(ask: ClaimAsk, write: Write): string {
  return `id = ${write(idBytes(ask.id))} AND token = ${write(ask.token)} AND state = 'in-progress'`;
}

// A step saved since then would be missing from the grant; it does not raise the revision, but it makes them longer.
function asRead(row: DecidingRow, write: Write): string {
  return `id = ${write(idBytes(row.id))} AND revision = ${write(row.revision)}
    AND COALESCE(LENGTH(steps), 0) = ${write(row.steps?.byteLength ?? 0)}
    AND (state = 'open' OR (state = 'in-progress' AND lease_end_us <= ${nowUs}))`;
}
