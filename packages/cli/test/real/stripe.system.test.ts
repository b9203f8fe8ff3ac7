/**
 * The official Stripe client, with its own keys, retries and error classes, against the
 * gateway's `stripe` profile: it must behave as it does against Stripe (SEMANTICS section 3).
 */
import { Stripe } from 'stripe';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startLink, type Link } from '../../src/demo/link.ts';
import { startChargesService, type ChargesService } from './charges-service.ts';
import { openSetting, type Setting } from './setting.ts';

let setting: Setting;
let service: ChargesService;
let link: Link;
let stripe: Stripe;
let statuses: number[];
let answered: (status: number) => void;

beforeEach(async () => {
  setting = openSetting();
  service = setting.keep(await startChargesService());
  const gateway = await setting.gateway(service.url, '--profile', 'stripe');
  link = setting.keep(await startLink(gateway.port));
  answered = () => {};
  stripe = new Stripe('sk_test_oncekey', {
    host: '127.0.0.1',
    port: link.port,
    protocol: 'http',
    maxNetworkRetries: 2,
    telemetry: false,
    httpClient: watched(Stripe.createNodeHttpClient()),
  });
  statuses = [];
});

afterEach(() => setting.close());

/** The client's own HTTP client, with a look at every answer: its `response` event tells only the last. */
function watched(client: Stripe.HttpClient): Stripe.HttpClient {
  const makeRequest = client.makeRequest.bind(client);
  client.makeRequest = async (...request) => {
    const response = await makeRequest(...request);
    statuses.push(response.getStatusCode());
    answered(response.getStatusCode());
    return response;
  };
  return client;
}

function order(description: string, source = 'tok_visa'): Stripe.ChargeCreateParams {
  return { amount: 4200, currency: 'eur', description, source };
}

async function refusal(promise: Promise<unknown>): Promise<Stripe.errors.StripeError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Stripe.errors.StripeError) return error;
    throw error;
  }
  throw new Error('expected the call to be refused');
}

test('a reply lost after charging: the client retries by itself, is charged once and gets that charge', async () => {
  const struck = link.strike('lose-reply');
  const charge = await stripe.charges.create(order('lost'));
  await struck;
  expect(service.charged).toEqual(['lost']);
  expect(charge).toMatchObject({ id: 'ch_000001', amount: 4200, description: 'lost' });
  expect(charge.lastResponse.headers['idempotent-replayed']).toBe('true');
});

test('the first answer has no replay marker, and a replay has the same body', async () => {
  const first = await stripe.charges.create(order('same'), { idempotencyKey: 'k-same' });
  const second = await stripe.charges.create(order('same'), { idempotencyKey: 'k-same' });
  expect(first.lastResponse.headers['idempotent-replayed']).toBeUndefined();
  expect(second.lastResponse.headers['idempotent-replayed']).toBe('true');
  expect(second).toEqual(first);
  expect(service.requests).toBe(1);
});

test('a key reused with other parameters is a StripeIdempotencyError, and nothing is charged', async () => {
  await stripe.charges.create(order('original'), { idempotencyKey: 'k-reused' });
  const error = await refusal(stripe.charges.create(order('another'), { idempotencyKey: 'k-reused' }));
  expect(error).toBeInstanceOf(Stripe.errors.StripeIdempotencyError);
  expect(error).toMatchObject({ statusCode: 400, rawType: 'idempotency_error' });
  expect(service.charged).toEqual(['original']);
});

test('while the first is in flight the client is told to come back, does, and gets its charge', async () => {
  const open = service.hold();
  const arrived = service.arrival();
  const first = stripe.charges.create(order('slow'), { idempotencyKey: 'k-slow' });
  await arrived;
  answered = (status) => {
    if (status === 409) open();
  };
  const second = stripe.charges.create(order('slow'), { idempotencyKey: 'k-slow', maxNetworkRetries: 5 });
  const charges = await Promise.all([first, second]);
  expect(charges[1].id).toBe(charges[0].id);
  expect(statuses).toContain(409);
  expect(service.charged).toEqual(['slow']);
});

test('out of retries in flight, the client sees 409 idempotency_key_in_use', async () => {
  const open = service.hold();
  const arrived = service.arrival();
  const first = stripe.charges.create(order('busy'), { idempotencyKey: 'k-busy' });
  await arrived;
  const error = await refusal(stripe.charges.create(order('busy'), { idempotencyKey: 'k-busy', maxNetworkRetries: 0 }));
  expect(error).toMatchObject({ statusCode: 409, code: 'idempotency_key_in_use', rawType: 'idempotency_error' });
  open();
  await first;
});

test('a declined card stays declined: the refusal is replayed as a StripeCardError', async () => {
  const call = (): Promise<unknown> =>
    stripe.charges.create(order('declined', 'tok_chargeDeclined'), { idempotencyKey: 'k-declined' });
  for (const error of [await refusal(call()), await refusal(call())]) {
    expect(error).toBeInstanceOf(Stripe.errors.StripeCardError);
    expect(error).toMatchObject({ statusCode: 402, code: 'card_declined' });
  }
  expect(service.requests).toBe(1);
});

test('a 500 after the charge is stored: both automatic retries get its replay', async () => {
  const error = await refusal(stripe.charges.create(order('failed', 'tok_charged_but_failed')));
  expect(error).toBeInstanceOf(Stripe.errors.StripeAPIError);
  expect(error.statusCode).toBe(500);
  expect(statuses).toEqual([500, 500, 500]);
  expect(service.charged).toEqual(['failed']);
});

test('forty calls at once: twenty intents of their own, twenty of one', async () => {
  const own = Array.from({ length: 20 }, (_, index) => stripe.charges.create(order(`own-${index}`)));
  const shared = Array.from({ length: 20 }, () =>
    stripe.charges.create(order('shared'), { idempotencyKey: 'k-shared', maxNetworkRetries: 8 }),
  );
  const [owns, shareds] = await Promise.all([Promise.all(own), Promise.all(shared)]);
  expect(new Set(owns.map(({ id }) => id)).size).toBe(20);
  expect(new Set(shareds.map(({ id }) => id)).size).toBe(1);
  expect(service.timesCharged('shared')).toBe(1);
  expect(service.charged.length).toBe(21);
});

test('a GET is passed on and claims nothing', async () => {
  await stripe.charges.retrieve('ch_000001');
  await stripe.charges.retrieve('ch_000001');
  expect(service.requests).toBe(2);
});
