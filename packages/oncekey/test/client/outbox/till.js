/**
 * A till as a process of its own, to be killed: adds orders and lines that refer to them to an outbox in
 * a SQLite file, says which are kept, and drains meanwhile. Stands on the build, as users do.
 */
import { createRequire } from 'node:module';
import { createOutbox, ref } from '../../../dist/client/outbox/index.js';
import { sqliteStorage } from '../../../dist/client/outbox/storages/sqlite.js';

const { path, url, first, orders } = JSON.parse(process.argv[2] ?? '{}');
const builtin = process.getBuiltinModule?.('node:sqlite');
const { DatabaseSync } = builtin ?? createRequire(import.meta.url)('@photostructure/sqlite');

const outbox = createOutbox({
  storage: sqliteStorage(new DatabaseSync(path), { busyTimeoutMs: 10_000 }),
  credentials: () => ({ 'x-tenant': 'cafe-7' }),
  baseUrl: url,
  echo: 'required',
  minDelayMs: 5,
  maxDelayMs: 50,
  intervalMs: 100,
  leaseMs: 300,
});

const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
say('ready');
for (let order = first; order < first + orders; order += 1) {
  const lane = `table-${order % 3}`;
  const id = `order-${order}`;
  await outbox.add({ id, lane, url: '/orders', json: { order } });
  say(id);
  const line = { id: `line-${order}`, lane, url: `/orders/${ref(id)}/lines`, json: { line: order, of: ref(id) } };
  await outbox.add(line);
  say(line.id);
}
const usage = await outbox.drained();
say({ open: usage.open.entries, dead: usage.dead.entries + usage.parked.entries, done: usage.done.entries });
await outbox.close();
