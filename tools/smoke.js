/**
 * The shortest proof that the built library works on the Node that runs this: a run and
 * its replay on memory and on SQLite, the latter across a reopened file. Plain JavaScript,
 * because some of those Nodes read nothing else. Called by tools/node-versions.sh.
 */
import assert from 'node:assert/strict';
import { createOnce, memory } from 'oncekey';
import { sqlite } from 'oncekey/sqlite';

const [, , file = 'smoke.db'] = process.argv;
const call = { scope: ['smoke'], operation: 'order.send', key: 'order-17', input: { amount: 4200 } };

async function twice(first, second) {
  let runs = 0;
  const work = () => ({ runs: ++runs });
  const executed = await createOnce({ store: first }).run(call, work);
  await first.close?.();
  const replayed = await createOnce({ store: second }).run(call, work);
  await second.close?.();
  assert.deepEqual([executed.status, replayed.status, replayed.value], ['executed', 'replayed', { runs: 1 }]);
}

const store = memory();
await twice({ ...store, close: undefined }, store);
await twice(sqlite(file), sqlite(file));
const driver = process.getBuiltinModule?.('node:sqlite') === undefined ? '@photostructure/sqlite' : 'node:sqlite';
process.stdout.write(`node ${process.version}: memory and SQLite (${driver}) run once and replay\n`);
