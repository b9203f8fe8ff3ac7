/**
 * The gateway's surface as data: every setting's name, form, default and one line of
 * help. Command line, environment and config file are all read by this table, so that
 * the three cannot drift apart. What the values mean is decided in settings.ts.
 */

/** One setting. */
export interface Flag {
  /** Without dashes in front; the environment's name is made of it. */
  readonly name: string;
  /** What the help shows for the value; null for a switch. */
  readonly value: string | null;
  readonly help: string;
  /** Shown in the help only; profiles and settings.ts give the real one. */
  readonly shownDefault?: string;
  readonly repeatable?: true;
}

/** All settings, in the order of the help. */
export const flags: readonly Flag[] = [
  { name: 'upstream', value: 'URL', help: 'where requests go; path and query unchanged (required)' },
  { name: 'listen', value: 'HOST:PORT', help: 'where to listen', shownDefault: '127.0.0.1:8080' },
  {
    name: 'store',
    value: 'URL',
    help: 'memory:, sqlite:PATH, json-file:PATH, postgres://…, mysql://…, redis://… or redis+cluster://…',
    shownDefault: 'sqlite:oncekey.db',
  },
  { name: 'hot', value: 'URL', help: 'a Redis in front of --store: together the tiered store' },
  { name: 'profile', value: 'NAME', help: 'safe, stripe, offline-pos, two-tier or bank', shownDefault: 'safe' },
  {
    name: 'scope-header',
    value: 'NAME',
    help: 'what a key belongs to; repeatable: several make a list',
    shownDefault: 'authorization',
    repeatable: true,
  },
  { name: 'scope-jwt', value: 'CLAIMS', help: 'scope from claims (iss,sub) of a verified bearer JWT; needs --jwks' },
  { name: 'jwks', value: 'URL|FILE', help: 'the keys that sign those JWTs' },
  { name: 'no-scope', value: 'reject|public', help: 'a keyed request without a scope', shownDefault: 'reject' },
  { name: 'methods', value: 'LIST', help: 'methods that are protected', shownDefault: 'POST,PATCH' },
  { name: 'missing-key', value: 'pass|reject', help: 'a protected request without a key', shownDefault: 'pass' },
  { name: 'invalid-key', value: 'reject|pass', help: 'an unusable key', shownDefault: 'reject' },
  { name: 'key-format', value: 'lenient|strict|any', help: 'what a key may look like', shownDefault: 'lenient' },
  { name: 'max-key-length', value: 'N', help: 'characters', shownDefault: '255' },
  { name: 'in-progress', value: 'reject|wait', help: 'a duplicate while the first runs', shownDefault: 'reject' },
  { name: 'wait-ms', value: 'N', help: 'how long it waits', shownDefault: '10000' },
  { name: 'abandoned', value: 'rerun|hold', help: 'after a crash mid-work', shownDefault: 'rerun' },
  {
    name: 'server-errors',
    value: 'safe|release|store',
    help: 'what a 5xx leaves behind (safe: 503 released, the rest stored)',
    shownDefault: 'safe',
  },
  { name: 'lease-ms', value: 'N', help: 'ownership without a heartbeat', shownDefault: '30000' },
  { name: 'retention-ms', value: 'N', help: 'how long an outcome answers; 0 for ever', shownDefault: '86400000' },
  { name: 'max-request-bytes', value: 'N', help: 'larger keyed requests get 413', shownDefault: '2097152' },
  { name: 'max-response-bytes', value: 'N', help: 'larger answers are not kept', shownDefault: '1048576' },
  { name: 'oversize', value: 'tombstone|status-only', help: 'what stays of those', shownDefault: 'tombstone' },
  { name: 'store-down', value: 'reject|pass', help: 'the store fails before the work', shownDefault: 'reject' },
  { name: 'unrecorded', value: 'answer|break', help: 'the store fails after the work', shownDefault: 'answer' },
  { name: 'store-timeout-ms', value: 'N', help: 'a silent store counts as down', shownDefault: '2000' },
  { name: 'replay-header', value: 'NAME', help: 'set to true on replays', shownDefault: 'Idempotent-Replayed' },
  { name: 'error-format', value: 'problem|envelope|stripe', help: 'form of refusals', shownDefault: 'problem' },
  { name: 'cors-origin', value: 'LIST', help: 'origins that may read refusals and replays' },
  { name: 'echo-key', value: null, help: 'echo the accepted key and advertise the retention' },
  { name: 'upstream-timeout-ms', value: 'N', help: 'to the first header, then between chunks', shownDefault: '60000' },
  { name: 'mode', value: 'enforce|observe', help: 'observe: count and log, never refuse', shownDefault: 'enforce' },
  { name: 'inspector', value: 'HOST:PORT', help: "operators' page (not part of this version)" },
  { name: 'inspector-token', value: 'T', help: 'its token (not part of this version)' },
  { name: 'metrics', value: 'HOST:PORT', help: 'Prometheus text' },
  { name: 'config', value: 'FILE', help: 'JSON with the same names; arrays for repeatable ones; routes' },
];

/** The environment variable that carries a setting. */
export function environmentName(name: string): string {
  return `ONCEKEY_${name.toUpperCase().replaceAll('-', '_')}`;
}
