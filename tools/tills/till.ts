/**
 * A till as a process of its own, to be killed: adds orders, and lines that refer to them, to an outbox in
 * a SQLite file, says which are kept, and drains meanwhile. Stands on the build, as users do.
 */
import { createOutbox, ref } from 'oncekey/outbox';
import { sqliteStorage } from 'oncekey/outbox-sqlite';
import { TestDatabase } from '../servers/sqlite.ts';

/** What a till is to do. */
export interface TillTask {
  readonly path: string;
  /** Where the café is. */
  readonly url: string;
  /** Number of its first order. */
  readonly first: number;
  readonly orders: number;
}

/** Its last word, when nobody has killed it. */
export interface TillEnd {
  readonly open: number;
  readonly stopped: number;
}

const { path, url, first, orders } = JSON.parse(process.argv[2] ?? '{}') as TillTask;
const outbox = createOutbox({
  storage: sqliteStorage(new TestDatabase(path), { busyTimeoutMs: 10_000 }),
  credentials: () => ({ 'x-tenant': 'cafe-7' }),
  baseUrl: url,
  echo: 'required',
  minDelayMs: 5,
  maxDelayMs: 50,
  intervalMs: 100,
  leaseMs: 300,
});

const say = (value: string | TillEnd): boolean => process.stdout.write(`${JSON.stringify(value)}\n`);
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
const { open, parked, dead } = await outbox.drained();
say({ open: open.entries, stopped: parked.entries + dead.entries });
await outbox.close();
