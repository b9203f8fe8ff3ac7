/**
 * Receives webhooks of Stripe and GitHub and keeps a ledger of what they told, each event once.
 */
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { createOnce } from 'oncekey';
import { sqlite } from 'oncekey/sqlite';
import { github, stripe, webhooks } from 'oncekey/webhooks';
import Stripe from 'stripe';

const { STRIPE_SECRET, GITHUB_SECRET, PORT = '3000', DATABASE = 'webhooks.db' } = process.env;
const once = createOnce({ store: sqlite(DATABASE) });
const ledger = [];

const payments = webhooks({
  provider: stripe(new Stripe('sk_only_used_to_verify')),
  secret: STRIPE_SECRET,
  endpoint: 'payments',
  once,
  async handle({ id, type, payload }, work) {
    const paid = await work.step('book', () => payload.data.object.amount ?? 0);
    ledger.push({ id, type, paid });
  },
});

const code = webhooks({
  provider: github(),
  secret: GITHUB_SECRET,
  endpoint: 'code',
  once,
  handle({ type, payload }) {
    if (payload.fail === true && !ledger.some(({ failed }) => failed)) {
      ledger.push({ failed: true });
      throw new Error('the build server is down');
    }
    ledger.push({ type, commit: payload.after });
  },
});

const app = new Hono();
app.post('/webhooks/stripe', payments.hono);
app.post('/webhooks/github', code.hono);
app.get('/ledger', (context) => context.json(ledger));

serve({ fetch: app.fetch, port: Number(PORT), hostname: '127.0.0.1' }, ({ port }) => {
  process.stdout.write(`${JSON.stringify({ event: 'listening', url: `http://127.0.0.1:${port}` })}\n`);
});
