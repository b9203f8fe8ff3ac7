/**
 * One delivery, from its bytes to its answer: the signature first, then the claim, then the
 * handler (SEMANTICS 2). Nothing is claimed for what is not signed. Knows no framework.
 */
import { systemClock, type Clock } from '../core/clock.ts';
import { IdempotencyError } from '../core/errors.ts';
import { digest } from '../core/fingerprint.ts';
import type { Answer, Ask, AskBody } from '../http/seam.ts';
import { tell, warn } from '../core/tell.ts';
import { operationPrefix, soundSettings, type WebhookEvent, type WebhookNews, type WebhookOptions } from './options.ts';
import type { WebhookSettings } from './options.ts';
import { reply } from './replies.ts';
import { refused, soundVerdict, type Delivery, type Refused, type Verified } from './verdict.ts';

/** Takes deliveries of one endpoint. */
export class Receiver {
  readonly #settings: WebhookSettings;
  readonly #handle: WebhookOptions['handle'];
  readonly #onEvent: WebhookOptions['onEvent'];
  readonly #clock: Clock;

  constructor(options: WebhookOptions) {
    this.#settings = soundSettings(options);
    this.#handle = options.handle;
    this.#onEvent = options.onEvent;
    this.#clock = options.clock ?? systemClock;
  }

  /** The largest body taken, in bytes. */
  get maxBodyBytes(): number {
    return this.#settings.maxBodyBytes;
  }

  /**
   * The answer to a delivery. Throws a TypeError when a body parser came first or the provider gave no verdict: that is
   * to be mended, not retried.
   */
  async receive(ask: Ask): Promise<Answer> {
    if (ask.method !== 'POST') return reply('method', 'webhooks come by POST');
    const body = await ask.body(this.#settings.maxBodyBytes);
    const bytes = rawBytes(body);
    if (bytes === undefined || bytes.length > this.#settings.maxBodyBytes) return this.#tooLarge();
    const verdict = await this.#verify(ask, bytes);
    if (verdict.kind === 'refused') {
      this.#tell({ kind: 'refused', for: verdict.for, reason: verdict.reason });
      return reply(verdict.for, verdict.reason);
    }
    const { id, type, payload, deliveryId = null } = verdict;
    return this.#once({ id, type, payload, deliveryId, body: bytes });
  }

  /** The answer where no framework takes what `receive` throws; it becomes a process warning. */
  misused(error: unknown): Answer {
    warn(error);
    return reply('failed', 'this endpoint is not set up to take webhooks');
  }

  async #verify(ask: Ask, body: Uint8Array): Promise<Verified | Refused> {
    const text = utf8(body);
    if (text === undefined) return refused('payload', 'the body is not UTF-8');
    const header = (name: string): string | undefined => {
      const lines = ask.headerLines(name);
      return lines.length === 1 ? lines[0] : undefined;
    };
    const delivery: Delivery = { header, body, text, nowMs: this.#clock.nowMs() };
    let verdict: Verified | Refused = refused('signature', 'there is no secret');
    const { provider, secrets } = this.#settings;
    for (const secret of secrets) {
      verdict = soundVerdict(await provider.verify(delivery, secret), provider.name);
      if (verdict.kind === 'verified' || verdict.for !== 'signature') break;
    }
    return verdict.kind === 'verified' ? usable(verdict) : verdict;
  }

  async #once(event: WebhookEvent): Promise<Answer> {
    const { once, scope, provider, retentionMs } = this.#settings;
    const operation = `${operationPrefix}${provider.name}`;
    const fingerprint = digest('body1', [event.body]);
    const eventId = event.deliveryId?.trim().slice(0, 255);
    const label = eventId === undefined || eventId === '' ? {} : { eventId };
    const policy = { retentionMs, failures: 'release', inProgress: 'reject' } as const;
    let threw = false;
    try {
      const result = await once.run(
        { scope, operation, key: event.id, fingerprint, ...label, ...policy },
        async (work) => {
          try {
            await this.#handle(event, work);
          } catch (error) {
            threw = true;
            throw error;
          }
        },
      );
      const kind = result.status === 'executed' ? 'handled' : 'duplicate';
      this.#tell({ kind, event });
      return reply(kind);
    } catch (error) {
      return this.#failed(event, error, threw);
    }
  }

  #failed(event: WebhookEvent, error: unknown, threw: boolean): Answer {
    if (!IdempotencyError.is(error) || (threw && !error.retryable)) {
      this.#tell({ kind: 'failed', event, error });
      return reply('failed', 'the handler failed; nothing is recorded, send it again');
    }
    this.#tell(error.code === 'outcome_not_kept' ? { kind: 'duplicate', event } : { kind: 'not-now', event, error });
    const { retryAfterMs } = error.details as { retryAfterMs?: number };
    return reply(error.code, error.message, retryAfterMs);
  }

  #tooLarge(): Answer {
    const reason = `the body has more than ${this.#settings.maxBodyBytes} bytes; raise maxBodyBytes`;
    this.#tell({ kind: 'refused', for: 'too-large', reason });
    return reply('too-large', reason);
  }

  #tell(news: WebhookNews): void {
    if (this.#onEvent !== undefined) tell(this.#onEvent, news);
    else if (news.kind === 'failed') warn(news.error);
  }
}

/** The bytes as sent; undefined when there are too many. */
function rawBytes(body: AskBody): Uint8Array | undefined {
  if (body.kind === 'bytes') return body.bytes;
  if (body.kind === 'too-large') return undefined;
  throw new TypeError(
    'webhooks: a body parser came first, so the bytes that were signed are gone; put the webhook route in front of it, or parse that route as raw bytes (express.raw)',
  );
}

/** A key must not be cut or trimmed: two signed ids would become one. */
function usable(verdict: Verified): Verified | Refused {
  const { id } = verdict;
  if (id === id.trim() && id.length >= 1 && id.length <= 255) return verdict;
  return refused('id', 'the signed id is blank, padded or over 255 characters');
}

function utf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
