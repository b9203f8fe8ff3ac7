/** POST /charges, once for each Idempotency-Key. */
import { currentWork } from 'oncekey';
import { idempotency } from 'oncekey/fetch';
import { sqlite } from 'oncekey/sqlite';

const protect = idempotency({
  store: sqlite(process.env.DATABASE ?? 'charges.db'),
  scope: (request) => request.headers.get('authorization'),
  missingKey: 'reject',
});

/** Records are kept on disk, and the database needs Node. */
export const runtime = 'nodejs';

async function charge(request) {
  const { amount } = await request.json();
  const { id } = await currentWork().step('charge', () => ({ id: `ch_${crypto.randomUUID()}` }));
  return Response.json({ id, amount }, { status: 201 });
}

export function POST(request) {
  return protect(request, charge);
}
