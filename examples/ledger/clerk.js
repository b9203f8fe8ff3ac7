/**
 * A clerk who posts transfers FIRST to TRANSFERS, each once, however often he is killed and begins again: what he wrote and
 * that he wrote it are one commit.
 */
import { createOnce } from 'oncekey';
import { openBooks } from './books.js';

const { DATABASE = 'sqlite:ledger.db', FIRST = '1', TRANSFERS = '50' } = process.env;
const { store, database, post, close } = await openBooks(DATABASE);
const once = createOnce({ store, inProgress: 'wait', waitMs: 30_000 });
process.stdout.write(`${JSON.stringify({ event: 'began' })}\n`);

let executed = 0;
for (let number = Number(FIRST); number <= Number(TRANSFERS); number += 1) {
  const call = { scope: ['shop'], operation: 'ledger.post', key: `transfer-${number}`, input: { amount: number } };
  const { status } = await once.atomic(database, call, async (tx) => {
    await post(tx, number, number);
    return { posted: number };
  });
  if (status === 'executed') executed += 1;
}
process.stdout.write(`${JSON.stringify({ event: 'done', executed })}\n`);
await once.close();
await close();
