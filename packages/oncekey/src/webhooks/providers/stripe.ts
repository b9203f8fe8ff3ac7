/**
 * Stripe: the whole body and its moment are signed, so the event's id inside the body is
 * the key. Verified by the user's own `stripe` package, which is passed in.
 */
import { refused, soundTolerance, staleness, type Provider } from '../verdict.ts';

/** What is used of a Stripe client: `new Stripe(…)`, or the class itself. */
export interface StripeClient {
  readonly webhooks: {
    constructEventAsync(
      payload: string,
      header: string,
      secret: string,
      toleranceS?: number,
      cryptoProvider?: never,
      receivedAtMs?: number,
    ): Promise<{ readonly id: string; readonly type: string }>;
  };
}

/** Options of `stripe`. */
export interface StripeOptions {
  /** How old or early a delivery may be; default 300000 ms. */
  readonly toleranceMs?: number;
}

/** Stripe's webhooks; the secret is the endpoint's own (`whsec_…`). Throws a TypeError when `client` is none. */
export function stripe(client: StripeClient, { toleranceMs }: StripeOptions = {}): Provider {
  if (typeof client?.webhooks?.constructEventAsync !== 'function') {
    throw new TypeError('client has no webhooks.constructEventAsync; pass new Stripe(…) of the package stripe');
  }
  const tolerance = soundTolerance(toleranceMs);
  return {
    name: 'stripe',
    async verify({ header, text, nowMs }, secret) {
      const signed = header('stripe-signature');
      if (signed === undefined) return refused('signature', 'the header stripe-signature is missing');
      const stale = staleness(/(?:^|,)t=([^,]*)/.exec(signed)?.[1], nowMs, tolerance);
      if (stale !== undefined) return stale;
      let event: { readonly id: string; readonly type: string };
      try {
        const toleranceS = Math.ceil(tolerance / 1000);
        event = await client.webhooks.constructEventAsync(text, signed, secret, toleranceS, undefined, nowMs);
      } catch (error) {
        if (isStripes(error)) {
          return refused('signature', 'the header stripe-signature is not ours; check the endpoint secret');
        }
        return refused('payload', 'the signed body is not JSON or a thin event; have Stripe send snapshot events');
      }
      const { id, type } = event;
      if (typeof id !== 'string' || id === '') return refused('id', 'the signed event has no id');
      return { kind: 'verified', id, type, payload: event, deliveryId: id };
    },
  };
}

/** Its own errors, of signatures, have a type; what it throws of a body that is signed but no event has none. */
function isStripes(error: unknown): boolean {
  return typeof (error as { readonly type?: unknown } | undefined)?.type === 'string';
}
