/**
 * Five sets of options, each the behaviour that the users of one system know (SEMANTICS
 * section 3). A profile decides nothing that an option could not; options given beside
 * it win.
 */
import type { ProtocolOptions } from './options.ts';

const writes = ['POST', 'PUT', 'PATCH', 'DELETE'];
const keyStartsAnew = [401, 403, 407];

/** Names of the profiles. */
export type ProfileName = 'safe' | 'stripe' | 'offline-pos' | 'two-tier' | 'bank';

/** Options by profile; spread one into an entry's options. */
export const profiles: Readonly<Record<ProfileName, ProtocolOptions>> = {
  /** The defaults. */
  safe: {},
  /** What the official Stripe clients expect. */
  stripe: {
    methods: ['POST'],
    keyFormat: 'any',
    maxKeyLength: 255,
    serverErrors: 'store',
    // What comes out of a begun work stands, but for refused credentials and quota.
    releasedStatuses: [401, 429],
    errorFormat: 'stripe',
    problems: {
      'key-reused': { status: 400 },
      'in-progress': { code: 'idempotency_key_in_use' },
    },
  },
  /** A till that works offline: the first request with a key wins; blank or long keys are as if not sent. */
  'offline-pos': {
    methods: writes,
    keyFormat: 'any',
    maxKeyLength: 200,
    invalidKey: 'pass',
    noScope: 'public',
    fingerprint: 'none',
    serverErrors: 'release',
    releasedStatuses: keyStartsAnew,
    leaseMs: 60_000,
    maxResponseBytes: 262_144,
    oversize: 'status-only',
    replayHeader: 'Idempotent-Replay',
    errorFormat: 'envelope',
    problems: { 'in-progress': { code: 'IDEMPOTENCY_IN_PROGRESS' } },
  },
  /** Byte-exact, all writing methods. */
  'two-tier': {
    methods: writes,
    keySpaces: 'reject',
    fingerprint: 'exact',
    replayHeader: 'Idempotency-Replayed',
    errorFormat: 'envelope',
    problems: { 'in-progress': { code: 'idempotency_key_pending' } },
  },
  /** The outcome is frozen whatever it is; only refused credentials start anew. */
  bank: {
    methods: writes,
    fingerprint: 'exact',
    serverErrors: 'store',
    releasedStatuses: keyStartsAnew,
    maxRequestBytes: 2_097_152,
  },
};
