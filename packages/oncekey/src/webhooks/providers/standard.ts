/**
 * Standard Webhooks, and Svix, which they come from: id, timestamp and body are signed
 * together, so the id of the header can be the key. Verified by `standardwebhooks`.
 */
import { Webhook } from 'standardwebhooks';
import { refused, soundTolerance, staleness, withJson, type Delivery, type Provider } from '../verdict.ts';

/** Options of `standardWebhooks`. */
export interface StandardWebhooksOptions {
  /** The provider's own name, as part of the scope; default `standard`. */
  readonly name?: string;
  /** How old or early a delivery may be; default and at most 300000 ms. */
  readonly toleranceMs?: number;
}

const longestToleranceMs = 300_000;

/** Providers that sign by https://www.standardwebhooks.com; secrets begin with `whsec_` or are plain base64. */
export function standardWebhooks({ name = 'standard', toleranceMs }: StandardWebhooksOptions = {}): Provider {
  const tolerance = soundTolerance(toleranceMs, longestToleranceMs);
  return {
    name,
    check(secret) {
      try {
        void new Webhook(secret);
      } catch (cause) {
        throw new TypeError('secret is not base64, with or without whsec_ before it', { cause });
      }
    },
    verify(delivery, secret) {
      const [id, seconds, signature] = ['id', 'timestamp', 'signature'].map((part) => headerOf(delivery, part));
      if (signature === undefined) return refused('signature', 'the header webhook-signature is missing');
      if (id === undefined) return refused('id', 'the header webhook-id is missing; it names the event');
      const stale = staleness(seconds, delivery.nowMs, tolerance);
      if (stale !== undefined) return stale;
      const headers = { 'webhook-id': id, 'webhook-timestamp': seconds ?? '', 'webhook-signature': signature };
      try {
        new Webhook(secret).verify(delivery.text, headers, { jsonParse: false });
      } catch {
        return refused('signature', 'no signature of the header webhook-signature is ours; check the secret');
      }
      return withJson(delivery, (payload) => ({
        kind: 'verified',
        id,
        type: typeOf(payload),
        payload,
        deliveryId: id,
      }));
    },
  };
}

/** Svix's older names mean the same. */
function headerOf({ header }: Delivery, part: string): string | undefined {
  return header(`webhook-${part}`) ?? header(`svix-${part}`);
}

function typeOf(payload: unknown): string | null {
  const { type } = (payload ?? {}) as { type?: unknown };
  return typeof type === 'string' ? type : null;
}
