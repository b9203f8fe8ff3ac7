/**
 * Whether the servers can be trusted with records: primaries, of a version that knows the
 * script's commands, that never evict, and that let the user write. For start and `doctor`.
 */
import type { ClaimAsk } from '../../core/store.ts';
import { noLabels } from '../../core/store.ts';
import type { Calls } from './calls.ts';
import { callError, unavailable, unusable } from './failure.ts';
import { claim, release } from './ownership.ts';

/** A record that no key hashes to. */
const proof: ClaimAsk = {
  id: '0'.repeat(64),
  token: 'check',
  fingerprint: null,
  leaseMs: 1000,
  ifAbandoned: 'rerun',
  keepMs: 0,
  labels: noLabels,
};

/** What every primary tells of itself. */
type Infos = () => Promise<string[]>;

/** {@link Store.check}. */
export async function checkServers(infos: Infos, calls: Calls, allowEviction: boolean): Promise<void> {
  // First: it waits for a client that is connecting, and tells what the user may not do.
  await calls.make({ ...claim, phase: 'start' }, proof);
  await calls.make({ ...release, phase: 'start' }, proof);
  for (const info of await infosOf(infos)) checkInfo(info, allowEviction);
}

async function infosOf(infos: Infos): Promise<string[]> {
  try {
    return await infos();
  } catch (error) {
    throw callError(error, 'start');
  }
}

function checkInfo(info: string, allowEviction: boolean): void {
  const field = (name: string): string | undefined => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1];
  const version = field('redis_version');
  if (version !== undefined && Number.parseInt(version, 10) < 7) {
    throw unusable(`redis: the server is of version ${version}; Redis 7 or Valkey is needed`);
  }
  if (field('role') === 'slave')
    throw unavailable('redis: the client is connected to a replica; name the primary', 'start');
  const policy = field('maxmemory_policy');
  if (policy === undefined || policy === 'noeviction' || allowEviction) return;
  const todo = 'set maxmemory-policy to noeviction, or accept it with allowEviction';
  throw unusable(`redis: the server may evict records (maxmemory-policy ${policy}), and work would run again; ${todo}`);
}
