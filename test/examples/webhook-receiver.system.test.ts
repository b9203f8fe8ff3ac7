/** Drives examples/webhook-receiver: deliveries signed as Stripe and GitHub sign, repeated, forged, and failing once. */
import { sign } from '@octokit/webhooks-methods';
import Stripe from 'stripe';
import { expect, test } from 'vitest';
import { startExample } from '../support/program.ts';
import { scratch } from '../support/scratch.ts';

const folder = scratch();
const secrets = { STRIPE_SECRET: 'whsec_1', GITHUB_SECRET: 'github-1' };

test('each event is in the ledger once', async () => {
  const { said } = await startExample('webhook-receiver/server.js', { ...secrets, PORT: '0' }, folder);
  const send = async (path: string, body: string, headers: Record<string, string>): Promise<number> => {
    const answer = await fetch(`${said['url']}${path}`, { method: 'POST', body, headers });
    return answer.status;
  };
  const fromStripe = async (body: string, secret = secrets.STRIPE_SECRET): Promise<number> => {
    const webhook = { payload: body, secret };
    const header = await new Stripe('sk_test').webhooks.generateTestHeaderStringAsync(webhook);
    return send('/webhooks/stripe', body, { 'stripe-signature': header });
  };
  const fromGithub = async (body: string): Promise<number> => {
    const signature = await sign(secrets.GITHUB_SECRET, body);
    return send('/webhooks/github', body, { 'x-hub-signature-256': signature, 'x-github-event': 'push' });
  };

  const paid = JSON.stringify({
    id: 'evt_1',
    object: 'event',
    type: 'charge.succeeded',
    data: { object: { amount: 42 } },
  });
  expect([await fromStripe(paid), await fromStripe(paid), await fromStripe(paid, 'whsec_forged')]).toEqual([
    200, 200, 401,
  ]);
  const push = JSON.stringify({ after: 'c0ffee' });
  expect([await fromGithub(push), await fromGithub(push)]).toEqual([200, 200]);
  const failing = JSON.stringify({ after: 'decade', fail: true });
  expect([await fromGithub(failing), await fromGithub(failing), await fromGithub(failing)]).toEqual([500, 200, 200]);

  const ledger: unknown = await (await fetch(`${said['url']}/ledger`)).json();
  expect(ledger).toEqual([
    { id: 'evt_1', type: 'charge.succeeded', paid: 42 },
    { type: 'push', commit: 'c0ffee' },
    { failed: true },
    { type: 'push', commit: 'decade' },
  ]);
});
