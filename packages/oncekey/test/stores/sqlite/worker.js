/**
 * One process of the tests that share a file. Takes its task as JSON in the first argument
 * and prints one JSON line; stands on the build, as users do.
 */
import { createHash, randomUUID } from 'node:crypto';
import { sqlite } from '../../../dist/stores/sqlite.js';

const { task, path, calls, keys, leaseMs = 30_000, startAtMs = 0 } = JSON.parse(process.argv[2] ?? '{}');
const store = sqlite(path, { busyTimeoutMs: 20_000 });
const labels = { scope: [], operation: null, key: '', owner: null, method: null, path: null, eventId: null };

async function claim(id) {
  const token = randomUUID();
  return store.claim({ id, token, fingerprint: null, leaseMs, ifAbandoned: 'rerun', keepMs: null, labels });
}

const ids = Array.from({ length: calls }, (_, index) =>
  createHash('sha256')
    .update(`key-${index % keys}`)
    .digest('hex'),
);

function tell(value) {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

if (task === 'check') {
  tell((await store.check().catch(({ code, message }) => ({ code, message }))) ?? 'fine');
  process.exit();
}
await store.check();
while (Date.now() < startAtMs) await new Promise((resolve) => setTimeout(resolve, 1));
if (task === 'claim') {
  const answers = await Promise.all(ids.map(claim));
  tell(answers.map(({ kind }) => kind));
  await store.close();
} else if (task === 'hang') {
  await Promise.all(ids.map(claim));
  tell('claimed');
  setInterval(() => {}, 1000);
}
