/** The subpath `oncekey/webhooks`: receivers of webhooks and the providers they know. */
export { webhooks } from './webhooks.ts';
export type { FastifyApp, Webhooks } from './webhooks.ts';
export type { WebhookEvent, WebhookNews, WebhookOptions } from './options.ts';
export { standardWebhooks } from './providers/standard.ts';
export type { StandardWebhooksOptions } from './providers/standard.ts';
export { stripe } from './providers/stripe.ts';
export type { StripeClient, StripeOptions } from './providers/stripe.ts';
export { github } from './providers/github.ts';
export { shopify } from './providers/shopify.ts';
export type { ShopifyOptions } from './providers/shopify.ts';
export type { Delivery, Provider, Refused, RefusedFor, Verified } from './verdict.ts';
