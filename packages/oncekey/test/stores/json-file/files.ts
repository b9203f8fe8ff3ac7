/** Files as a registry wrote them, and what a store says that opens one. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { IdempotencyError } from '../../../src/core/errors.ts';
import { recordId } from '../../../src/core/key.ts';
import { jsonFile } from '../../../src/stores/json-file.ts';

/** The older layout: a bare map. */
export const older = {
  idem_a: {
    schema_version: 1,
    record_id: 'idem_a',
    operation: 'webhook.provider_event',
    key: 'evt_1',
    owner: 'ingress',
    request_fingerprint: 'sha256:aa',
    status: 'completed',
    first_seen_at_ms: 1_600_000_000_000,
    last_seen_at_ms: 1_600_000_000_500,
    first_seen_event_id: 'event-9',
    outcome: {
      outcome_kind: 'accepted',
      completed_at_ms: 1_600_000_000_100,
      primary_ref_kind: 'delivery',
      primary_ref_id: 'd-1',
      secondary_ref_kind: 'run',
      secondary_ref_id: 'r-1',
      details: { queue: 'a' },
    },
    conflict_count: 1,
    conflict_fingerprints: ['sha256:bb'],
  },
};

/** What a registry says of a tenant. */
export const tenant = { org_id: 'acme', workspace_id: 'main', deployment_id: 'eu', actor_id: 'robot' };
/** The id of the key in {@link registry}. */
export const nameOf = (key: string) => recordId(['acme', 'main', 'eu'], 'wait.wake', key);

/** A file with the record `idem_k`. */
export function registry(record: object = {}, file: object = {}): string {
  const { idem_a: base } = older;
  const whole = { ...base, tenant_context: tenant, operation: 'wait.wake', key: 'k', ...record };
  return JSON.stringify({ schema_version: 1, records: { idem_k: whole }, ...file });
}

/** Writes a file at a path whose folder may be missing, and gives the path. */
export function writeAt(path: string, text: string | Uint8Array): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

/** A file, parsed. */
export interface Parsed {
  readonly schema_version: number;
  readonly checksum: string | null;
  readonly records: Record<string, Record<string, unknown>>;
}

/** The file at this path. */
export const parsed = (path: string): Parsed => JSON.parse(readFileSync(path, 'utf8')) as Parsed;

/** What `act` is refused with, if it is. */
export async function refusal(act: () => Promise<unknown>): Promise<IdempotencyError | undefined> {
  try {
    await act();
    return undefined;
  } catch (error) {
    if (IdempotencyError.is(error)) return error;
    throw error;
  }
}

/** What a store says that opens this file; `absent` where it finds nothing. */
export async function opening(path: string, id: string): Promise<string> {
  const store = jsonFile(path);
  const error = await refusal(async () => {
    const record = await store.read(id);
    if (record === undefined) throw new IdempotencyError('field_invalid', 'absent; it is', { field: '', reason: '' });
  });
  await store.close();
  return error === undefined ? 'read' : error.code === 'field_invalid' ? 'absent' : error.code;
}
