/** What an outbox can be told, with defaults and checks; a wrong option is a TypeError that names it. */
import type { BackoffRules } from '../backoff.ts';
import { systemClock, type ClientClock } from '../clock.ts';
import { newKey } from '../key.ts';
import { requirePositive, type Fetch } from '../options.ts';
import type { Entry } from './entry.ts';
import type { OutboxEvent } from './events.ts';
import type { Answer } from './judge.ts';
import type { PlainRequest } from './request.ts';
import type { OutboxStorage } from './storage.ts';
import type { ServerId } from './template.ts';

/** Options of `createOutbox`. All durations are milliseconds. */
export interface OutboxOptions extends Partial<BackoffRules> {
  readonly storage: OutboxStorage;
  /** What sends, once a call; default the platform's `fetch`. */
  readonly fetch?: Fetch;
  /** Headers that are added at each sending and never kept: tokens. Called before every request. */
  readonly credentials?: (request: { method: string; url: string }) => Credentials | Promise<Credentials>;
  /** What relative URLs are relative to; default the page's or worker's own address. */
  readonly baseUrl?: string;
  /** How long the server answers for a key; default 24 h. What the server advertises (`--echo-key`) replaces it. */
  readonly retentionMs?: number;
  /** `required`: an answer that does not name the key is not the server's (captive portals). `checked` (default): only a wrong one is not. */
  readonly echo?: 'checked' | 'required';
  /** Whether a 2xx answer is the server's; default: anything but HTML. */
  readonly expect?: (answer: Answer) => boolean;
  /** Finds the server's id where the entry does not say; default: `id` of a JSON body, else the end of Location. */
  readonly serverId?: (answer: Answer, entry: Entry) => ServerId | null | undefined;
  /** Version of the application's requests; default 1. */
  readonly version?: number;
  /** Brings the request of an entry that was added by an older version, and never sent, up to date. */
  readonly upgrade?: (request: PlainRequest, fromVersion: number) => PlainRequest;
  /** Hosts that take the key without quotes; default none. */
  readonly bareHosts?: readonly string[];
  readonly newKey?: () => string;
  /** Lanes that are sent at a time; default 4. */
  readonly concurrency?: number;
  /** One request and its answer, body included; default 30,000. */
  readonly attemptTimeoutMs?: number;
  /** Between drains that nothing else has started; default 30,000. */
  readonly intervalMs?: number;
  /** How long a drain may be silent before another tab or process takes over; default 10,000. */
  readonly leaseMs?: number;
  /** How often a server may answer an entry with 500, until it stops; default 12. A server that is busy or away never counts. */
  readonly maxRefusals?: number;
  /** Unfinished entries; default 10,000. */
  readonly maxEntries?: number;
  /** Of all unfinished entries; default 50 MiB. */
  readonly maxBytes?: number;
  /** Kept of an answer's body; default 64 KiB. */
  readonly maxResultBytes?: number;
  /** How long results and ids of done entries are kept; default 30 days. */
  readonly keepDoneMs?: number;
  /** Done entries kept at most; default 50,000. */
  readonly maxDone?: number;
  /** Whether the device is online; default `navigator.onLine`. False means that nothing is tried. */
  readonly online?: () => boolean;
  /** Whether to drain by itself: after `add`, when online again, on a timer. Default true; false in a service worker. */
  readonly automatic?: boolean;
  readonly onEvent?: (event: OutboxEvent) => void;
  /** Gets what `onEvent` and listeners throw; default the platform's `reportError`, or an uncaught error. */
  readonly reportError?: (error: unknown) => void;
  readonly clock?: ClientClock;
}

/** Headers of a request. */
export type Credentials = Readonly<Record<string, string>>;

/** The options, all there, but for what has no default. */
export type OutboxSettings = Required<Omit<OutboxOptions, 'serverId' | 'upgrade' | 'baseUrl'>> &
  Pick<OutboxOptions, 'serverId' | 'upgrade' | 'baseUrl'>;

const day = 86_400_000;
const amounts = {
  retentionMs: day,
  version: 1,
  concurrency: 4,
  attemptTimeoutMs: 30_000,
  intervalMs: 30_000,
  leaseMs: 10_000,
  maxRefusals: 12,
  maxEntries: 10_000,
  maxBytes: 50 * 1024 * 1024,
  maxResultBytes: 64 * 1024,
  keepDoneMs: 30 * day,
  maxDone: 50_000,
  minDelayMs: 1000,
  maxDelayMs: 60_000,
  maxRetryAfterMs: 300_000,
} satisfies Partial<OutboxOptions>;

/** What a page or worker has around it. */
interface Surroundings {
  readonly navigator?: { readonly onLine?: boolean };
  readonly location?: { readonly href: string };
}

/** As an event target does it: the error of a listener is nobody else's, and not lost. */
function reportUncaught(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}

/** Fills in the defaults. Throws a TypeError that names a wrong option. */
export function outboxSettings(options: OutboxOptions): OutboxSettings {
  if (typeof options.storage?.commit !== 'function') throw new TypeError('createOutbox: options.storage is missing');
  const around = globalThis as Surroundings;
  const filled = {
    fetch: (input: string | URL | Request, init?: RequestInit) => globalThis.fetch(input, init),
    credentials: () => ({}),
    echo: 'checked' as const,
    expect: (answer: Answer) => !/html/i.test(answer.header('content-type') ?? ''),
    bareHosts: [],
    newKey,
    online: () => around.navigator?.onLine !== false,
    automatic: true,
    onEvent: () => undefined,
    reportError: reportUncaught,
    clock: systemClock,
    ...(around.location !== undefined && { baseUrl: around.location.href }),
    ...amounts,
    ...options,
  };
  for (const name of Object.keys(amounts) as (keyof typeof amounts)[]) {
    requirePositive(`createOutbox: options.${name}`, filled[name]);
  }
  return filled;
}
