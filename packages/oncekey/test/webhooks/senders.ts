/** Providers as their receivers meet them: each signs a body in its own way, rightly or not. */
import { createHmac, randomUUID } from 'node:crypto';
import { sign as signForGithub } from '@octokit/webhooks-methods';
import { Webhook } from 'standardwebhooks';
import Stripe from 'stripe';
import { github, shopify, standardWebhooks, stripe } from '../../src/webhooks/index.ts';
import type { Provider } from '../../src/webhooks/index.ts';

/** What a test may get wrong. */
export interface Wrong {
  readonly secret?: string;
  /** How far the signer's clock is off; negative is the past. */
  readonly offMs?: number;
  /** Left out of the headers. */
  readonly without?: string;
}

/** One provider, from both sides. */
export interface Sender {
  readonly name: string;
  readonly secret: string;
  readonly otherSecret: string;
  /** Header that carries the signature. */
  readonly signature: string;
  /** Whether the moment of signing is signed. */
  readonly timed: boolean;
  provider(): Provider;
  /** The headers of a delivery of `body`. */
  sign(body: string, wrong?: Wrong): Promise<Record<string, string>>;
}

const base64Secret = (fill: number): string => `whsec_${Buffer.alloc(24, fill).toString('base64')}`;
const client = new Stripe('sk_test_123');

async function without(headers: Record<string, string>, { without: left }: Wrong): Promise<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name !== left));
}

const standard: Sender = {
  name: 'standard',
  secret: base64Secret(1),
  otherSecret: base64Secret(2),
  signature: 'webhook-signature',
  timed: true,
  provider: () => standardWebhooks(),
  sign(body, wrong = {}) {
    const id = `msg_${createHmac('sha256', 'id').update(body).digest('hex')}`;
    const at = new Date(Date.now() + (wrong.offMs ?? 0));
    const headers = {
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': new Webhook(wrong.secret ?? standard.secret).sign(id, at, body),
    };
    return without(headers, wrong);
  },
};

const stripeSender: Sender = {
  name: 'stripe',
  secret: 'whsec_stripe_1',
  otherSecret: 'whsec_stripe_2',
  signature: 'stripe-signature',
  timed: true,
  provider: () => stripe(client),
  async sign(body, wrong = {}) {
    const timestamp = Math.floor((Date.now() + (wrong.offMs ?? 0)) / 1000);
    const secret = wrong.secret ?? stripeSender.secret;
    const header = await client.webhooks.generateTestHeaderStringAsync({ payload: body, secret, timestamp });
    return without({ 'stripe-signature': header }, wrong);
  },
};

const githubSender: Sender = {
  name: 'github',
  secret: 'github-1',
  otherSecret: 'github-2',
  signature: 'x-hub-signature-256',
  timed: false,
  provider: () => github(),
  async sign(body, wrong = {}) {
    const headers = {
      'x-github-event': 'push',
      'x-github-delivery': randomUUID(),
      'x-hub-signature-256': await signForGithub(wrong.secret ?? githubSender.secret, body),
    };
    return without(headers, wrong);
  },
};

const shopifySender: Sender = {
  name: 'shopify',
  secret: 'shopify-1',
  otherSecret: 'shopify-2',
  signature: 'x-shopify-hmac-sha256',
  timed: false,
  provider: () => shopify({ topics: ['orders/create', 'orders/paid'] }),
  async sign(body, wrong = {}) {
    const hmac = createHmac('sha256', wrong.secret ?? shopifySender.secret);
    const headers = {
      'x-shopify-topic': 'orders/create',
      'x-shopify-webhook-id': randomUUID(),
      'x-shopify-hmac-sha256': hmac.update(body).digest('base64'),
    };
    return without(headers, wrong);
  },
};

/** All providers that come with the library. */
export const senders: readonly Sender[] = [standard, stripeSender, githubSender, shopifySender];

/** An event's body that every provider can send. */
export function eventBody(id: string, over: object = {}): string {
  return JSON.stringify({ id, object: 'event', type: 'order.paid', data: { object: { order: id } }, ...over });
}
