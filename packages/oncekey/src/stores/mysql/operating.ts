/**
 * What goes on beside ownership: warming and import, notes, what operators decide by the
 * revision they saw (I15), erasing with a tombstone left behind (I14), sweeping what has
 * expired and nothing else (I13). What has to be read before it is written is locked by
 * its id in a transaction of its own.
 */
import { erasedOutcome } from '../../core/outcome.ts';
import type {
  DurationMs,
  EraseAnswer,
  Note,
  RecordId,
  ResolveAnswer,
  ResolveAsk,
  StoredRecord,
  SweepAnswer,
  TimelineEvent,
} from '../../core/store.ts';
import { withEvent, withNote } from '../in-process/record-rules.ts';
import { splitChecked } from '../stored-form/checked-outcome.ts';
import type { Place, Run } from './database.ts';
import type { Cell, MysqlValue } from './client.ts';
import { amongIds, findLiving, idBytes } from './reading.ts';
import { stateAt, textsFrom, timelineFrom, toMs } from './rows.ts';
import { type Write, living, microseconds, nowUs, spell } from './statement.ts';
import { stepBytes } from './steps.ts';

const lock = ' FOR UPDATE';

/** {@link Store.put}. */
export function put({ db, table }: Place, record: StoredRecord): Promise<{ readonly kind: 'put' | 'kept' }> {
  return db.transact(async (run) => {
    await run(
      spell(
        1,
        (write) => `DELETE FROM ${table} WHERE id = ${write(idBytes(record.id))}
          AND (revision < ${write(record.revision)} OR NOT ${living})`,
      ),
    );
    const { affected } = await run(
      spell(1, (write) => {
        const columns = Object.entries(columnsOf(record, write));
        const names = columns.map(([name]) => `\`${name}\``).join(', ');
        return `INSERT IGNORE INTO ${table} (${names}) VALUES (${columns.map(([, value]) => value).join(', ')})`;
      }),
    );
    return { kind: affected === 1 ? 'put' : 'kept' };
  });
}

// Placeholders are bound in the order in which these are written.
function columnsOf(record: StoredRecord, write: Write): Record<string, string> {
  const { id, labels, state } = record;
  const isOwned = state === 'in-progress' || state === 'abandoned';
  const outcome = record.outcome === null ? null : splitChecked(id, record.outcome);
  const fromNow = (ms: DurationMs): string => `${nowUs} + ${write(microseconds(ms))}`;
  const instant = (ms: number): string => write(ms * 1000);
  return {
    id: write(idBytes(id)),
    state: write(isOwned ? 'in-progress' : state),
    attempt: write(record.attempt),
    revision: write(record.revision),
    token: write(record.token),
    fingerprint: write(record.fingerprint),
    lease_end_us: isOwned ? fromNow(record.leaseLeftMs ?? 0) : 'NULL',
    keep_us: write(isOwned ? microseconds(record.retentionLeftMs) : null),
    expires_at_us: fromNow(record.retentionLeftMs),
    first_seen_at_us: instant(record.firstSeenAtMs),
    last_seen_at_us: instant(record.lastSeenAtMs),
    completed_at_us: record.completedAtMs === null ? 'NULL' : instant(record.completedAtMs),
    replay_count: write(record.replayCount),
    conflict_count: write(record.conflictCount),
    scope: write(JSON.stringify(labels.scope)),
    operation: write(labels.operation),
    key: write(labels.key),
    owner: write(labels.owner),
    method: write(labels.method),
    path: write(labels.path),
    event_id: write(labels.eventId),
    conflict_fingerprints: write(JSON.stringify(record.conflictFingerprints)),
    timeline: write(JSON.stringify(record.timeline)),
    steps: write(record.steps.length === 0 ? null : Buffer.concat(record.steps.map(stepBytes))),
    outcome_kind: write(outcome?.kind ?? null),
    outcome_crc32: write(outcome?.crc32 ?? null),
    outcome_head: write(outcome?.head ?? null),
    outcome_body: write(outcome?.body ?? null),
  };
}

/** {@link Store.note}, of records of one transaction. */
export function noteAll({ db, table }: Place, notes: readonly Note[]): Promise<void> {
  const ids = [...new Set(notes.map(({ id }) => id))].sort();
  return db.transact(async (run) => {
    const { rows } = await run(
      spell(
        ids.length,
        (write) => `SELECT id, ${nowUs}, replay_count, conflict_count, conflict_fingerprints, timeline
          FROM ${table} FORCE INDEX (id) WHERE ${amongIds(ids, write)} AND ${living} ORDER BY id${lock}`,
      ),
    );
    for (const row of rows) {
      // A connection does one thing after the other.
      // oxlint-disable-next-line no-await-in-loop
      await writeNotes(run, table, row, notes);
    }
  });
}

async function writeNotes(run: Run, table: string, row: readonly Cell[], notes: readonly Note[]): Promise<void> {
  const [idCell, now, replays, conflicts, fingerprints, timeline] = row;
  const id = idCell as Uint8Array;
  const hex = Buffer.from(id).toString('hex');
  const atMs = toMs(Number(now));
  let noted = {
    replayCount: Number(replays),
    conflictCount: Number(conflicts),
    conflictFingerprints: textsFrom(fingerprints) as readonly string[],
    timeline: timelineFrom(timeline) as readonly TimelineEvent[],
  };
  for (const one of notes) if (one.id === hex) noted = withNote(noted, one, atMs);
  await run(
    spell(
      1,
      (write) => `UPDATE ${table} SET replay_count = ${write(noted.replayCount)},
        conflict_count = ${write(noted.conflictCount)},
        conflict_fingerprints = ${write(JSON.stringify(noted.conflictFingerprints))},
        timeline = ${write(JSON.stringify(noted.timeline))}, last_seen_at_us = ${nowUs} WHERE id = ${write(id)}`,
    ),
  );
}

/** {@link Store.resolve}. */
export function resolve({ db, table }: Place, ask: ResolveAsk): Promise<ResolveAnswer> {
  const { id, seenRevision, decision, by } = ask;
  return db.transact(async (run) => {
    const row = await findLiving(run, table, id, lock);
    if (row === undefined) return { kind: 'absent' };
    if (row.revision !== seenRevision || stateAt(row) !== 'abandoned') return { kind: 'changed' };
    const event: TimelineEvent = { atMs: toMs(row.nowUs), what: 'resolved', detail: `${by}: ${decision.kind}` };
    const timeline = JSON.stringify(withEvent(await timelineOf(run, table, id), event));
    await run(
      spell(1, (write) => {
        const decided =
          decision.kind === 'rerun'
            ? `state = 'open', expires_at_us = ${nowUs} + ${write(microseconds(decision.keepMs))}`
            : `state = 'completed', steps = NULL, ${outcomeSet(id, decision.outcome, write)},
               completed_at_us = ${nowUs}, expires_at_us = ${nowUs} + ${write(microseconds(decision.retentionMs))}`;
        return `UPDATE ${table} SET revision = revision + 1, token = NULL, lease_end_us = NULL, keep_us = NULL,
          ${decided}, timeline = ${write(timeline)} WHERE id = ${write(idBytes(id))}`;
      }),
    );
    return { kind: 'resolved' };
  });
}

async function timelineOf(run: Run, table: string, id: RecordId): Promise<TimelineEvent[]> {
  const { rows } = await run(spell(1, (write) => `SELECT timeline FROM ${table} WHERE id = ${write(idBytes(id))}`));
  return timelineFrom(rows[0]?.[0]);
}

function outcomeSet(id: RecordId, outcome: Parameters<typeof splitChecked>[1], write: Write): string {
  const { kind, crc32, head, body } = splitChecked(id, outcome);
  return `outcome_kind = ${write(kind)}, outcome_crc32 = ${write(crc32)}, outcome_head = ${write(head)},
    outcome_body = ${write(body)}`;
}

/** {@link Store.erase}. Of what was noted only the counts stay: what others sent is as personal as what was stored. */
export function erase({ db, table }: Place, id: RecordId, keepMs: DurationMs): Promise<EraseAnswer> {
  return db.transact(async (run) => {
    const { rows } = await run(
      spell(
        1,
        (write) => `SELECT ${nowUs}, state = 'in-progress' AND lease_end_us > ${nowUs} FROM ${table}
          WHERE id = ${write(idBytes(id))} AND ${living}${lock}`,
      ),
    );
    const [now, isLive] = rows[0] ?? [];
    if (now === undefined) return { kind: 'absent' };
    if (Number(isLive) === 1) return { kind: 'in-progress' };
    const events: TimelineEvent[] = [{ atMs: toMs(Number(now)), what: 'erased', detail: null }];
    await run(
      spell(
        1,
        (write) => `UPDATE ${table} SET state = 'erased', revision = revision + 1, token = NULL, fingerprint = NULL,
          lease_end_us = NULL, keep_us = NULL, steps = NULL, \`key\` = '', owner = NULL, method = NULL, path = NULL,
          event_id = NULL, conflict_fingerprints = NULL, completed_at_us = COALESCE(completed_at_us, ${nowUs}),
          ${outcomeSet(id, erasedOutcome, write)}, expires_at_us = ${nowUs} + ${write(microseconds(keepMs))},
          timeline = ${write(JSON.stringify(events))} WHERE id = ${write(idBytes(id))}`,
      ),
    );
    return { kind: 'erased' };
  });
}

/** {@link Store.sweep}, in one transaction; passes over what others have locked. */
export function sweep({ db, table }: Place, limit: number): Promise<SweepAnswer> {
  return db.transact(async (run) => {
    const { rows } = await run({
      sql: `SELECT record_number FROM ${table} WHERE expires_at_us <= ${nowUs} ORDER BY expires_at_us
        LIMIT ${Math.trunc(limit)} FOR UPDATE SKIP LOCKED`,
    });
    if (rows.length === 0) return { removed: 0, more: false };
    const numbers: MysqlValue[] = rows.map(([number]) => Number(number));
    const { affected } = await run({
      sql: `DELETE FROM ${table} WHERE record_number IN (${numbers.join(', ')}) AND expires_at_us <= ${nowUs}`,
    });
    return { removed: affected, more: rows.length >= limit && (await hasExpired(run, table)) };
  });
}

async function hasExpired(run: Run, table: string): Promise<boolean> {
  const { rows } = await run({ sql: `SELECT 1 FROM ${table} WHERE expires_at_us <= ${nowUs} LIMIT 1` });
  return rows.length > 0;
}
