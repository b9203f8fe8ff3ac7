/**
 * One process of the tests that kill it. Takes its task as JSON in the first argument and
 * prints a line for each key that was acknowledged; stands on the build, as users do.
 */
import { createHash, randomUUID } from 'node:crypto';
import { jsonFile } from '../../../dist/stores/json-file.js';

const { task, path, round = 0, leaseMs = 30_000 } = JSON.parse(process.argv[2] ?? '{}');
const store = jsonFile(path);

async function claim(key) {
  const id = createHash('sha256').update(key).digest('hex');
  const token = randomUUID();
  const labels = { scope: [], operation: null, key, owner: null, method: null, path: null, eventId: null };
  const answer = await store.claim({
    id,
    token,
    fingerprint: null,
    leaseMs,
    ifAbandoned: 'rerun',
    keepMs: null,
    labels,
  });
  if (answer.kind !== 'granted') throw new Error(`${key} is ${answer.kind}`);
  return { id, token };
}

if (task === 'hang') {
  await claim('hang');
  process.stdout.write('claimed\n');
  setInterval(() => {}, 1000);
} else {
  const body = Buffer.from('x'.repeat(500));
  const outcome = { kind: 'answer', status: 201, headers: [], body };
  for (let number = 0; ; number++) {
    const keys = [0, 1, 2].map((each) => `round ${round} key ${number}.${each}`);
    await Promise.all(
      keys.map(async (key) => {
        const { id, token } = await claim(key);
        await store.complete({ id, token, outcome, retentionMs: null });
        process.stdout.write(`${key}\n`);
      }),
    );
  }
}
