/** Act 3: a used key comes with another order: refused, and the first answer is unharmed. */
import { expectEqual, type ActFacts, type Narrator } from '../narrator.ts';
import type { Stage } from '../stage.ts';
import type { Order } from '../till.ts';
import { firstOrder } from './lost-reply.ts';

const other: Order = { order: 'order-1003', amount: 99_900, currency: 'EUR' };

/** Sends another order under the first order's key, then the first order again. */
export async function reusedKey(stage: Stage, narrator: Narrator): Promise<ActFacts> {
  const url = stage.gateways[0].url;
  const refused = await stage.till.send(url, firstOrder.order, other);
  narrator.exchange('order-1003, key of order-1001', refused);
  const original = await stage.till.send(url, firstOrder.order, firstOrder);
  narrator.exchange('order-1001, its own key', original);
  return {
    facts: { status: refused?.status ?? 'lost', code: refused?.code ?? null },
    expectations: [
      expectEqual('refused with 422', refused?.status ?? null, 422),
      expectEqual('and with its reason', refused?.code ?? null, 'idempotency_key_reused'),
      expectEqual('the first order still has its answer', String(original?.replayed), 'true'),
      expectEqual('no charge for the other order', stage.api.chargesOf(other.order), 0),
      expectEqual('still one charge for the first', stage.api.chargesOf(firstOrder.order), 1),
    ],
  };
}
