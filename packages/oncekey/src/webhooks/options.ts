/**
 * The options of `webhooks`, and what they come to. A wrong one is the programmer's
 * mistake: a TypeError at construction that names it.
 */
import type { Clock } from '../core/clock.ts';
import type { IdempotencyError } from '../core/errors.ts';
import type { Store } from '../core/store.ts';
import type { Work } from '../core/work.ts';
import { maxNameLength } from '../operations/names.ts';
import { createOnce, type Once } from '../operations/once.ts';
import { whole } from '../operations/whole.ts';
import type { Provider, RefusedFor } from './verdict.ts';

/** A verified event, as the handler gets it. */
export interface WebhookEvent {
  /** The key: signed by the provider, or made of what is signed. */
  readonly id: string;
  /** Such as `invoice.paid`; null when the provider has none. */
  readonly type: string | null;
  /** The parsed body. */
  readonly payload: unknown;
  /** The body as it was signed. */
  readonly body: Uint8Array;
  /** The provider's name for this delivery, for people; not always signed. */
  readonly deliveryId: string | null;
}

/** What a receiver tells. */
export type WebhookNews =
  | { readonly kind: 'handled' | 'duplicate'; readonly event: WebhookEvent }
  /** Nothing was claimed. */
  | { readonly kind: 'refused'; readonly for: RefusedFor | 'too-large'; readonly reason: string }
  /** The handler threw: released, and the provider will send it again. */
  | { readonly kind: 'failed'; readonly event: WebhookEvent; readonly error: unknown }
  /** It was not handled: not now, such as while another delivery of it runs, or never, by `error.retryable`. */
  | { readonly kind: 'not-now'; readonly event: WebhookEvent; readonly error: IdempotencyError };

/** Options of `webhooks`. */
export interface WebhookOptions {
  /** Who sends: `standardWebhooks()`, `stripe(client)`, `github()`, `shopify({ topics })`, or one of your own. */
  readonly provider: Provider;
  /** The signing secret; several while one is being replaced. Left out only for a provider without. */
  readonly secret?: string | readonly string[];
  /** Names this endpoint in the scope: an event sent to two endpoints is handled by both. */
  readonly endpoint: string;
  /** Where deliveries are recorded; or `once`, made by `createOnce`. */
  readonly store?: Store;
  readonly once?: Once;
  /** Handles an event; runs once for each. What it throws is answered 500, released, and sent again by the provider. */
  readonly handle: (event: WebhookEvent, work: Work) => unknown;
  /** How long an event is known, from its completion; default 604800000 ms (7 days). */
  readonly retentionMs?: number;
  /** Largest body; default 2097152 bytes. GitHub sends up to 25 MB. */
  readonly maxBodyBytes?: number;
  /** Without it, what a handler throws becomes a process warning. */
  readonly onEvent?: (news: WebhookNews) => void;
  /** Judges the age of signatures. */
  readonly clock?: Clock;
}

/** What a provider's name is put behind, as the operation. */
export const operationPrefix = 'webhook.';

const sevenDaysMs = 604_800_000;
const defaultMaxBodyBytes = 2_097_152;

/** All that was chosen. */
export interface WebhookSettings {
  readonly provider: Provider;
  readonly secrets: readonly string[];
  readonly scope: readonly string[];
  readonly once: Once;
  readonly retentionMs: number;
  readonly maxBodyBytes: number;
}

/** The settings. Throws a TypeError for a wrong option. */
export function soundSettings(options: WebhookOptions): WebhookSettings {
  if (typeof options !== 'object' || options === null)
    throw new TypeError('options are missing; pass { provider, secret, endpoint, store, handle }');
  const { provider, endpoint, retentionMs = sevenDaysMs, maxBodyBytes = defaultMaxBodyBytes } = options;
  if (typeof provider?.verify !== 'function') throw new TypeError('provider is missing; pass one, such as github()');
  checkName('the provider’s name', provider.name, "'stripe'", maxNameLength - operationPrefix.length);
  checkName('endpoint', endpoint, "'billing'", maxNameLength);
  if (typeof options.handle !== 'function') throw new TypeError('handle is missing; pass the function for an event');
  return {
    provider,
    secrets: secretsOf(options),
    scope: [provider.name, endpoint],
    once: onceOf(options),
    retentionMs: whole('retentionMs', retentionMs),
    maxBodyBytes: whole('maxBodyBytes', maxBodyBytes),
  };
}

function secretsOf({ provider, secret }: WebhookOptions): readonly string[] {
  if (provider.secret === false) return [''];
  const secrets = typeof secret === 'string' ? [secret] : (secret ?? []);
  if (!Array.isArray(secrets)) throw new TypeError('secret is neither text nor a list; pass one as text, or several');
  if (secrets.length === 0) throw new TypeError('secret is missing; without it anybody could sign');
  for (const [at, one] of secrets.entries()) {
    const name = typeof secret === 'string' ? 'secret' : `secret[${at}]`;
    if (typeof one !== 'string' || one.trim() === '') {
      throw new TypeError(`${name} is blank; is its environment variable set?`);
    }
    provider.check?.(one);
  }
  return secrets;
}

function onceOf({ once, store, clock }: WebhookOptions): Once {
  if (typeof once?.run === 'function' && store === undefined) return once;
  if (store === undefined || once !== undefined) throw new TypeError('pass store or once, one of them');
  return createOnce({ store, ...(clock === undefined ? {} : { clock }) });
}

/** Both are parts of the scope: a wrong one would fail every delivery, and two that have none would share their events. */
function checkName(what: string, name: unknown, example: string, longest: number): void {
  if (typeof name !== 'string' || name.trim() === '')
    throw new TypeError(`${what} is missing; give one, such as ${example}`);
  if (name.length > longest) throw new TypeError(`${what} is over ${longest} characters; give a shorter one`);
}
