/**
 * Shopify: the body alone is signed, neither id nor topic nor moment. The key is the digest
 * of topic and signed body: two topics may send the very same body (an order created and
 * paid), and both must be handled. The topic being unsigned, only those listed are taken, so
 * that one captured body can pass for one event a topic at most.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { framedSha256 } from '../../core/digest.ts';
import { refused, withJson, type Provider } from '../verdict.ts';

/** Options of `shopify`. */
export interface ShopifyOptions {
  /** The topics that this endpoint is subscribed to, such as `orders/create`. */
  readonly topics: readonly string[];
}

/** Shopify's webhooks; the secret is the app's. Throws a TypeError when no topic is given. */
export function shopify(options: ShopifyOptions): Provider {
  const topics: unknown = options?.topics;
  if (!Array.isArray(topics) || topics.length === 0 || !topics.every((topic) => typeof topic === 'string')) {
    throw new TypeError("topics is empty; list the endpoint's topics, such as ['orders/create']");
  }
  const taken: ReadonlySet<string> = new Set<string>(topics);
  return {
    name: 'shopify',
    verify(delivery, secret) {
      const { header, body } = delivery;
      const signature = header('x-shopify-hmac-sha256');
      if (signature === undefined) return refused('signature', 'the header x-shopify-hmac-sha256 is missing');
      if (!signs(secret, body, signature)) {
        return refused('signature', 'the header x-shopify-hmac-sha256 is not ours; check the secret');
      }
      const topic = header('x-shopify-topic');
      if (topic === undefined) return refused('id', 'the header x-shopify-topic is missing');
      if (!taken.has(topic)) return refused('id', 'this endpoint does not take this topic; add it to topics');
      const deliveryId = header('x-shopify-webhook-id');
      return withJson(delivery, (payload) => ({
        kind: 'verified',
        id: `sha256:${framedSha256([topic, body], 'hex')}`,
        type: topic,
        payload,
        ...(deliveryId === undefined ? {} : { deliveryId }),
      }));
    },
  };
}

function signs(secret: string, body: Uint8Array, signature: string): boolean {
  const expected = createHmac('sha256', secret).update(body).digest();
  const given = Buffer.from(signature, 'base64');
  return given.length === expected.length && timingSafeEqual(given, expected);
}
