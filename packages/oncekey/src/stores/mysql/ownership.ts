/**
 * What owners do after the claim: extend, complete, release, save steps. Each write is
 * conditional on the token, one row a record (I3), also when one statement writes many:
 * when it wrote fewer than it was asked, reading tells whose was refused.
 */
import { IdempotencyError } from '../../core/errors.ts';
import type {
  CompleteAnswer,
  CompleteAsk,
  DurationMs,
  ExtendAnswer,
  RecordId,
  ReleaseAnswer,
  SavedStep,
  SaveStepAnswer,
  Token,
} from '../../core/store.ts';
import type { BatchEntry } from '../coalesce.ts';
import { type CheckedOutcome, splitChecked } from '../stored-form/checked-outcome.ts';
import type { Place, Statements } from './database.ts';
import { type Found, findLiving, findRows, idBytes } from './reading.ts';
import { type DecidingRow, isExpired, toMs } from './rows.ts';
import { living, microseconds, nowUs, spell } from './statement.ts';
import { stepBytes } from './steps.ts';
import { updateEach } from './update-each.ts';

/** A heartbeat. */
export interface ExtendAsk {
  readonly id: RecordId;
  readonly token: Token;
  readonly leaseMs: number;
}

const lost = { kind: 'lost' } as const;
/** What a statement has beside the bytes that it carries, at most. */
const frameBytes = 2000;
// In progress under this token and not gone. The lease may be over: nobody replaced him.
const ownedBy = (token: string): string => `token = ${token} AND state = 'in-progress' AND ${living}`;

/** Heartbeats of different records. */
export async function extendAll({ db, table }: Place, asks: readonly ExtendAsk[]): Promise<BatchEntry<ExtendAnswer>[]> {
  const records = byId(asks).map(({ id, token, leaseMs }) => ({
    id: idBytes(id),
    token,
    lease: microseconds(leaseMs),
  }));
  const statement = spell(asks.length, (write) =>
    updateEach(table, records, write, {
      set: (given) => `lease_end_us = ${nowUs} + ${given('lease')},
        expires_at_us = ${nowUs} + ${given('lease')} + keep_us`,
      where: (given) => ownedBy(given('token')),
    }),
  );
  const { affected } = await db.run(statement);
  if (affected === asks.length) return asks.map(() => ({ answer: { kind: 'kept' } }));
  // A row that stays as it was counts as unwritten on some connections: reading tells.
  return tellEach({ db, table }, asks, (row, { token }) => (isOwned(row, token) ? { kind: 'kept' } : lost));
}

/** A completion with its outcome as it is stored. */
export interface Completion extends CheckedOutcome {
  readonly ask: CompleteAsk;
}

/** Splits the outcome. Throws `outcome_too_large` for one that no statement can carry. */
export function prepareCompletion(ask: CompleteAsk, packetBytes: number): Completion {
  const outcome = splitChecked(ask.id, ask.outcome);
  const bytes = (outcome.body?.byteLength ?? 0) + Buffer.byteLength(outcome.head);
  if (bytes + frameBytes > packetBytes) throw tooLarge('the outcome exceeds', bytes, packetBytes);
  return { ask, ...outcome };
}

/** Outcomes of different records. */
export async function completeAll(
  { db, table }: Pick<Place<Statements>, 'db' | 'table'>,
  completions: readonly Completion[],
): Promise<BatchEntry<CompleteAnswer>[]> {
  const asks = completions.map(({ ask }) => ask);
  const records = completions
    .toSorted((one, other) => (one.ask.id < other.ask.id ? -1 : 1))
    .map(({ ask, kind, head, crc32, body }) => ({
      id: idBytes(ask.id),
      token: ask.token,
      retention: microseconds(ask.retentionMs),
      kind,
      crc32,
      head,
      body,
    }));
  const statement = spell(asks.length, (write) =>
    updateEach(table, records, write, {
      // The connection hands back what LAST_INSERT_ID was given: the instant, without asking for it.
      set: (given) => `state = 'completed', revision = revision + 1, lease_end_us = NULL, keep_us = NULL, steps = NULL,
        completed_at_us = LAST_INSERT_ID(${nowUs}), expires_at_us = ${nowUs} + ${given('retention')},
        outcome_kind = ${given('kind')}, outcome_crc32 = ${given('crc32')}, outcome_head = ${given('head')},
        outcome_body = ${given('body')}`,
      where: (given) => ownedBy(given('token')),
    }),
  );
  const { affected, told } = await db.run(statement);
  if (affected === asks.length) return asks.map(() => ({ answer: { kind: 'stored', completedAtMs: toMs(told) } }));
  return tellEach({ db, table }, asks, ({ token, completedAtUs }, ask) => {
    if (token !== ask.token || completedAtUs === null) return lost;
    return { kind: affected > 0 && completedAtUs === told ? 'stored' : 'already', completedAtMs: toMs(completedAtUs) };
  });
}

/** {@link Store.release}. */
export async function release(
  { db, table }: Place,
  id: RecordId,
  token: Token,
  keepMs: DurationMs,
): Promise<ReleaseAnswer> {
  const released = { kind: 'released' } as const;
  const removed = await db.run(
    spell(
      1,
      (write) => `DELETE FROM ${table} WHERE id = ${write(idBytes(id))} AND ${ownedBy(write(token))}
        AND attempt = 1 AND steps IS NULL`,
    ),
  );
  if (removed.affected === 1) return released;
  const opened = await db.run(
    spell(
      1,
      (write) => `UPDATE ${table} SET state = 'open', revision = revision + 1, token = NULL, lease_end_us = NULL,
        keep_us = NULL, expires_at_us = ${nowUs} + ${write(microseconds(keepMs))}
        WHERE id = ${write(idBytes(id))} AND ${ownedBy(write(token))}`,
    ),
  );
  if (opened.affected === 1) return released;
  // Open means released: nobody owns it, so nothing can be lost.
  const row = await findLiving(db.run, table, id);
  return row === undefined || row.state === 'open' ? released : lost;
}

/** {@link Store.saveStep}. Throws `outcome_too_large` when all steps together would not fit into a packet any more. */
export async function saveStep(
  { db, table, packetBytes }: Place,
  id: RecordId,
  token: Token,
  step: SavedStep,
): Promise<SaveStepAnswer> {
  const bytes = stepBytes(step);
  const exceeds = 'the saved steps of the record together exceed';
  if (bytes.length + frameBytes > packetBytes) throw tooLarge(exceeds, bytes.length, packetBytes);
  // CONCAT answers NULL beyond a packet: that would lose the steps saved before.
  const saved = await db.run(
    spell(
      1,
      (write) => `UPDATE ${table} SET steps = CONCAT(COALESCE(steps, x''), ${write(bytes)})
        WHERE id = ${write(idBytes(id))} AND ${ownedBy(write(token))}
        AND COALESCE(LENGTH(steps), 0) + ${write(bytes.length)} <= ${packetBytes - frameBytes}`,
    ),
  );
  if (saved.affected === 1) return { kind: 'stored' };
  const row = await findLiving(db.run, table, id);
  if (row === undefined || !isOwned(row, token)) return lost;
  throw tooLarge(exceeds, (row.steps?.byteLength ?? 0) + bytes.length, packetBytes);
}

function tooLarge(what: string, bytes: number, limitBytes: number): IdempotencyError<'outcome_too_large'> {
  const message = `${what} the server's max_allowed_packet; raise it, or store less`;
  return new IdempotencyError('outcome_too_large', message, { bytes, limitBytes });
}

function isOwned(row: DecidingRow, token: Token): boolean {
  return row.state === 'in-progress' && row.token === token && !isExpired(row);
}

async function tellEach<Ask extends { readonly id: RecordId }, Answer>(
  { db, table }: Pick<Place<Statements>, 'db' | 'table'>,
  asks: readonly Ask[],
  tell: (row: DecidingRow, ask: Ask) => Answer | typeof lost,
): Promise<BatchEntry<Answer | typeof lost>[]> {
  const found = await findRows(
    db.run,
    table,
    byId(asks).map(({ id }) => id),
  );
  return asks.map((ask) => {
    const seen: Found | undefined = found.get(ask.id);
    if (seen === undefined) return { answer: lost };
    if ('error' in seen) return seen;
    return { answer: isExpired(seen.row) ? lost : tell(seen.row, ask) };
  });
}

function byId<Ask extends { readonly id: RecordId }>(asks: readonly Ask[]): Ask[] {
  return asks.toSorted((one, other) => (one.id < other.id ? -1 : 1));
}
