/** Act 1: a reply is lost on its way back; the retry gets the answer of the one charge. */
import { expectEqual, type ActFacts, type Narrator } from '../narrator.ts';
import type { Stage } from '../stage.ts';
import type { Order } from '../till.ts';

/** The order that act 3 comes back to. */
export const firstOrder: Order = { order: 'order-1001', amount: 4200, currency: 'EUR' };

/** Sends an order, loses the reply, sends it twice again. */
export async function lostReply(stage: Stage, narrator: Narrator): Promise<ActFacts> {
  const { api, nearLink, till } = stage;
  const what = 'order-1001, 42.00 EUR';
  const struck = nearLink.strike('lose-reply');
  const first = await till.send(nearLink.url, firstOrder.order, firstOrder);
  await struck;
  narrator.exchange(what, first);
  await narrator.breath();
  const second = await till.send(nearLink.url, firstOrder.order, firstOrder);
  narrator.exchange(what, second);
  const third = await till.send(nearLink.url, firstOrder.order, firstOrder);
  narrator.exchange(what, third);
  const charged = api.charges.find((charge) => charge.order === firstOrder.order);
  return {
    facts: {
      firstAnswer: first?.status ?? 'lost',
      secondAnswer: second?.status ?? 'lost',
      chargeId: second?.chargeId ?? null,
    },
    expectations: [
      expectEqual('the first reply was lost', first === null ? 'lost' : first.status, 'lost'),
      expectEqual('the retry got the answer of the charge that was made', second?.chargeId ?? null, charged?.id ?? ''),
      expectEqual('it is marked as a replay', String(second?.replayed), 'true'),
      expectEqual('one more retry got the same bytes', third?.body ?? null, second?.body ?? ''),
      expectEqual('one charge', api.chargesOf(firstOrder.order), 1),
    ],
  };
}
