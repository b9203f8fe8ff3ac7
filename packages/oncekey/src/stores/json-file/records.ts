/**
 * A record as the file has it: the registry's own fields, which its older readers
 * understand, and beside them, under `oncekey`, what only this library knows (token, lease,
 * attempt, steps, the outcome byte for byte). A record without that part was written by
 * somebody else and is taken for what its fields say. Instants are Unix milliseconds.
 */
import { recordId } from '../../core/key.ts';
import type { Outcome } from '../../core/outcome.ts';
import { noLabels, type Labels, type RecordId } from '../../core/store.ts';
import { giveOutcome, holdOutcome } from '../in-process/held-outcome.ts';
import { HeldRecord, noSteps, nothingNoted } from '../in-process/held-record.ts';
import { joinOutcome, splitOutcome } from '../stored-form/outcome.ts';
import { Fields } from './fields.ts';
import { registryRecordId } from './registry-id.ts';

/** The store's two clocks at one moment. */
export interface Moment {
  readonly monotonicMs: number;
  readonly unixMs: number;
}

/** What a file said of a record, with fields that this library does not know. */
export type Known = Readonly<Record<string, unknown>>;

/** The id a record has in the file: the registry's own where its name is one of a registry's. */
export function fileIdOf({ id, labels: { scope, operation, key } }: HeldRecord): string {
  const [organisation, workspace, deployment] = scope;
  const named = organisation !== undefined && workspace !== undefined && scope.length === 3 && operation !== null;
  if (!named || recordId(scope, operation, key) !== id) return `idem_${id}`;
  return registryRecordId([organisation, workspace, deployment], operation, key);
}

/** A record for the file. `known` is what the file said of it before. */
export function toFile(record: HeldRecord, fileId: string, known: Known | undefined, at: Moment): Known {
  const { labels, fingerprint, firstSeenAtMs, stage } = record;
  const [organisation = '', workspace = '', deployment = ''] = labels.scope;
  const { conflictCount, conflictFingerprints } = record.noted ?? nothingNoted;
  const expiresAtMs = unixOf(stage === 'owned' ? record.leaseEndsAt : record.endsAt, at);
  return {
    ...known,
    schema_version: 1,
    record_id: fileId,
    tenant_context: {
      ...(known?.['tenant_context'] as object | undefined),
      org_id: organisation,
      workspace_id: workspace,
      deployment_id: deployment === '' ? null : deployment,
    },
    operation: labels.operation ?? '',
    key: labels.key,
    owner: labels.owner ?? '',
    request_fingerprint: fingerprint ?? '',
    status: stage === 'completed' ? 'completed' : 'reserved',
    first_seen_at_ms: firstSeenAtMs,
    last_seen_at_ms: record.lastSeenAtMs ?? firstSeenAtMs,
    first_seen_event_id: labels.eventId ?? undefined,
    expires_at_ms: expiresAtMs ?? undefined,
    outcome: registryOutcome(record),
    conflict_count: conflictCount,
    conflict_fingerprints: conflictFingerprints,
    oncekey: ownPart(record, at),
  };
}

/** What older readers of a registry see of an outcome. */
function registryOutcome({ outcome: held, completedAtMs }: HeldRecord): Known | undefined {
  if (held === null || completedAtMs === null) return undefined;
  const { label, refs, details } = held.kind === 'value' ? held : { label: held.kind, refs: [], details: null };
  const [primary, secondary] = refs;
  return {
    outcome_kind: label ?? 'completed',
    completed_at_ms: completedAtMs,
    primary_ref_kind: primary?.kind,
    primary_ref_id: primary?.id,
    secondary_ref_kind: secondary?.kind,
    secondary_ref_id: secondary?.id,
    details: details ?? {},
  };
}

function ownPart(record: HeldRecord, at: Moment): Known {
  const { replayCount, timeline } = record.noted ?? nothingNoted;
  return {
    id: record.id,
    stage: record.stage,
    attempt: record.attempt,
    revision: record.revision,
    token: record.token,
    fingerprint: record.fingerprint,
    labels: record.labels,
    keep_ms: record.keepMs,
    lease_ends_at_ms: record.stage === 'owned' ? unixOf(record.leaseEndsAt, at) : null,
    ends_at_ms: unixOf(record.endsAt, at),
    completed_at_ms: record.completedAtMs,
    outcome: record.outcome === null ? null : outcomePart(giveOutcome(record.outcome)),
    steps: (record.steps ?? noSteps).map(({ name, bytes }) => ({ name, ...bytesPart(bytes) })),
    replay_count: replayCount,
    timeline,
  };
}

function outcomePart(outcome: Outcome): Known {
  const { kind, head, body } = splitOutcome(outcome);
  return { kind, head: JSON.parse(head) as unknown, ...(body !== null && bytesPart(body)) };
}

/** As text where they are some, for people; else in base64. */
function bytesPart(bytes: Uint8Array): Known {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = buffer.toString('utf8');
  return Buffer.from(text).equals(buffer) ? { text } : { base64: buffer.toString('base64') };
}

/** A record of the file. Throws `store_unusable` naming the field that cannot be. */
export function fromFile(path: string, fileId: string, known: Known, at: Moment): HeldRecord {
  const fields = new Fields(`${path}: ${fileId}`, known);
  const own = fields.optional('oncekey');
  const record = own === undefined ? foreignRecord(fields, at) : ownRecord(own, at);
  record.firstSeenAtMs = fields.number('first_seen_at_ms');
  const lastSeenAtMs = fields.number('last_seen_at_ms');
  record.lastSeenAtMs = lastSeenAtMs === record.firstSeenAtMs ? null : lastSeenAtMs;
  const conflictCount = fields.numberOr('conflict_count', 0);
  const timeline = own === undefined ? [] : own.timeline();
  const replayCount = own?.number('replay_count') ?? 0;
  if (conflictCount + replayCount + timeline.length > 0) {
    const conflictFingerprints = fields.texts('conflict_fingerprints').slice(0, 16);
    record.noted = { replayCount, conflictCount, conflictFingerprints, timeline };
  }
  return record;
}

function ownRecord(own: Fields, at: Moment): HeldRecord {
  const record = emptyRecord(own.text('id'), own.labels(), at);
  const stage = own.text('stage');
  if (stage !== 'owned' && stage !== 'open' && stage !== 'completed') throw own.wrong('stage');
  record.stage = stage;
  record.attempt = own.number('attempt');
  record.revision = own.number('revision');
  record.token = own.textOrNull('token');
  record.fingerprint = own.textOrNull('fingerprint');
  record.keepMs = own.numberOrNull('keep_ms');
  record.leaseEndsAt = monotonicOf(own.numberOrNull('lease_ends_at_ms') ?? 0, at);
  record.endsAt = monotonicOf(own.numberOrNull('ends_at_ms'), at);
  record.completedAtMs = own.numberOrNull('completed_at_ms');
  const outcome = own.optional('outcome');
  record.outcome = outcome === undefined ? null : holdOutcome(outcomeOf(outcome));
  if ((stage === 'completed') !== (record.outcome !== null)) throw own.wrong('outcome');
  const steps = own
    .objects('steps')
    .map((step) => ({ name: step.text('name'), bytes: step.bytes() ?? new Uint8Array() }));
  record.steps = steps.length === 0 ? null : steps;
  return record;
}

function outcomeOf(part: Fields): Outcome {
  const head = JSON.stringify(part.object('head').all);
  try {
    return joinOutcome({ kind: part.text('kind'), head, body: part.bytes() });
  } catch (cause) {
    throw part.wrong('head', cause);
  }
}

/**
 * A record that a registry wrote. Completed with an outcome, whatever its status says; else reserved: until it expires, and,
 * where it does not, by an owner of whom nobody can know any more how it went.
 */
function foreignRecord(fields: Fields, at: Moment): HeldRecord {
  const tenant = fields.optional('tenant_context');
  const scope = [
    tenant?.text('org_id') ?? 'local',
    tenant?.text('workspace_id') ?? 'default',
    tenant?.textOrNull('deployment_id') ?? '',
  ];
  const labels = {
    ...noLabels,
    scope,
    operation: fields.text('operation'),
    key: fields.text('key'),
    owner: fields.textOrNull('owner'),
    eventId: fields.textOrNull('first_seen_event_id'),
  };
  const record = emptyRecord(recordId(scope, labels.operation, labels.key), labels, at);
  record.fingerprint = fields.textOrNull('request_fingerprint');
  const expiresAt = monotonicOf(fields.numberOrNull('expires_at_ms'), at);
  record.endsAt = expiresAt;
  const outcome = fields.optional('outcome');
  if (outcome === undefined) {
    const expires = expiresAt !== Infinity;
    record.keepMs = expires ? 0 : null;
    record.leaseEndsAt = expires ? expiresAt : at.monotonicMs;
    return record;
  }
  record.stage = 'completed';
  record.revision = 2;
  record.completedAtMs = outcome.number('completed_at_ms');
  record.outcome = holdOutcome({
    kind: 'value',
    body: new Uint8Array(),
    label: outcome.text('outcome_kind'),
    refs: outcome.references(),
    details: outcome.all['details'] ?? null,
  });
  return record;
}

function emptyRecord(id: RecordId, labels: Labels, at: Moment): HeldRecord {
  const ask = { id, token: '', fingerprint: null, leaseMs: 0, ifAbandoned: 'hold', keepMs: null, labels } as const;
  const record = new HeldRecord(ask, at.monotonicMs, at.unixMs);
  record.token = null;
  return record;
}

function unixOf(monotonicMs: number, at: Moment): number | null {
  return monotonicMs === Infinity ? null : Math.round(at.unixMs + monotonicMs - at.monotonicMs);
}

function monotonicOf(unixMs: number | null, at: Moment): number {
  return unixMs === null ? Infinity : at.monotonicMs + unixMs - at.unixMs;
}
