/**
 * Pays orders in three steps, each an effect on another service. Whoever repeats a request after a crash goes on after
 * the last finished step; the next services tell a repeat by its key.
 */
import express from 'express';
import { currentWork } from 'oncekey';
import { idempotency } from 'oncekey/express';
import { sqlite } from 'oncekey/sqlite';

const { SERVICES, PORT = '3000', DATABASE = 'payments.db', LEASE_MS = '30000' } = process.env;
if (SERVICES === undefined) throw new Error('SERVICES is missing; say where stock, charges and mails are');

/** Asks another service for an effect, under a key that is the same in every attempt. */
async function ask(path, key, body) {
  const headers = { 'Idempotency-Key': key, 'Content-Type': 'application/json' };
  const answer = await fetch(`${SERVICES}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}`);
  return answer.json();
}

const app = express();
app.use(
  idempotency({
    store: sqlite(DATABASE),
    scope: (request) => request.get('authorization'),
    missingKey: 'reject',
    leaseMs: Number(LEASE_MS),
    // The steps make a second attempt safe, so a failure need not be the last word.
    serverErrors: 'release',
  }),
);
app.use(express.json());

app.post('/orders', async (request, response) => {
  const work = currentWork();
  const { amount } = request.body;
  const step = (name, path, body) => work.step(name, () => ask(path, work.key(name), body));
  const reserved = await step('reserve', '/stock', { amount });
  const charged = await step('charge', '/charges', { amount });
  const mailed = await step('mail', '/mails', { charge: charged.id });
  response.status(201).json({ reserved: reserved.id, charged: charged.id, mailed: mailed.id, attempt: work.attempt });
});

const server = app.listen(Number(PORT), '127.0.0.1', () => {
  const { port } = server.address();
  process.stdout.write(`${JSON.stringify({ event: 'listening', url: `http://127.0.0.1:${port}` })}\n`);
});
