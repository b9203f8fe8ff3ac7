/** What the keyed `fetch` can be told, with defaults and checks; a wrong option is a TypeError that names it. */
import { keyHeaderName } from '../protocol.ts';
import type { BackoffRules } from './backoff.ts';
import type { ClientClock } from './clock.ts';
import { systemClock } from './clock.ts';

/** A function like the platform's `fetch`. */
export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

/** Options of `idempotentFetch`. All durations are milliseconds. */
export interface IdempotentFetchOptions extends Partial<BackoffRules> {
  /** What sends; default the platform's `fetch`. */
  readonly fetch?: Fetch;
  /** Methods that get a key when none is given; default POST and PATCH. A given key is sent with any method but GET, HEAD, OPTIONS and TRACE. */
  readonly methods?: readonly string[];
  /** Hosts (`api.example.com` or `localhost:8080`) that take the key without quotes; `*` for all. Default none. */
  readonly bareHosts?: readonly string[];
  /** Name of the key header; default `Idempotency-Key`. */
  readonly keyHeader?: string;
  /** Makes the keys of intents that have none; default random UUIDs. */
  readonly newKey?: () => string;
  /** Attempts in all; default 6. */
  readonly maxAttempts?: number;
  /** From sending to the head of the answer, for each attempt; default 15,000. */
  readonly attemptTimeoutMs?: number;
  /** For all attempts and waits; default 60,000. Keep it below the server's retention: after that the key is new. */
  readonly deadlineMs?: number;
  /** A one-shot stream is kept in memory up to so many bytes; default 2 MiB, the gateway's own cap. */
  readonly maxBufferedBytes?: number;
  readonly clock?: ClientClock;
}

/** The options, all there. */
export type FetchSettings = Required<IdempotentFetchOptions>;

const defaults = {
  methods: ['POST', 'PATCH'],
  bareHosts: [],
  keyHeader: keyHeaderName,
  maxAttempts: 6,
  attemptTimeoutMs: 15_000,
  deadlineMs: 60_000,
  maxBufferedBytes: 2_097_152,
  minDelayMs: 300,
  maxDelayMs: 10_000,
  maxRetryAfterMs: 30_000,
  clock: systemClock,
} satisfies IdempotentFetchOptions;

const amounts = [
  'maxAttempts',
  'attemptTimeoutMs',
  'deadlineMs',
  'maxBufferedBytes',
  'minDelayMs',
  'maxDelayMs',
  'maxRetryAfterMs',
] as const;

/** Fills in the defaults. Throws a TypeError that names a wrong option. */
export function fetchSettings(options: IdempotentFetchOptions, newKey: () => string): FetchSettings {
  // Looked up at each call: what observes or replaces the platform's fetch may come later than we do.
  const platform: Fetch = (input, init) => globalThis.fetch(input, init);
  const filled: FetchSettings = { fetch: platform, newKey, ...defaults, ...options };
  for (const name of amounts) requirePositive(`idempotentFetch: options.${name}`, filled[name]);
  return { ...filled, methods: filled.methods.map((method) => method.toUpperCase()) };
}

/** Throws a TypeError unless `value` is a number above 0. */
export function requirePositive(name: string, value: unknown): void {
  if (typeof value !== 'number' || !(value > 0)) {
    throw new TypeError(`${name} must be a number above 0, not ${JSON.stringify(value)}`);
  }
}
