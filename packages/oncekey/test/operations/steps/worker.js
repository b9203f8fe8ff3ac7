/**
 * One process of the tests that kill a worker between its steps. Pays an order in three
 * steps, each a request to the next service under `work.key`, and stops where it is told to
 * (`before`, `after` the effect, or `saved`), to be killed there. Stands on the build, as users do.
 */
import { createOnce } from '../../../dist/index.js';
import { sqlite } from '../../../dist/stores/sqlite.js';

const { path, service, stopAt, leaseMs } = JSON.parse(process.argv[2] ?? '{}');
const store = sqlite(path);
const once = createOnce({ store, leaseMs });

function stop(where) {
  if (stopAt !== where) return undefined;
  process.stdout.write('stopped\n');
  setInterval(() => {}, 1000);
  return new Promise(() => {});
}

async function send(name, key) {
  const answer = await fetch(service, { method: 'POST', headers: { 'Idempotency-Key': key }, body: name });
  return answer.json();
}

await once.run({ scope: ['acme'], operation: 'order.pay', key: 'order-17' }, async (work) => {
  const done = [];
  for (const name of ['reserve', 'charge', 'ship']) {
    await stop(`before ${name}`);
    const effect = await work.step(name, async () => {
      const made = await send(name, work.key(name));
      await stop(`after ${name}`);
      return made;
    });
    done.push(effect.id);
    await stop(`saved ${name}`);
  }
  return done;
});
await store.close();
