/** Act 2: two hundred tills send one order at once through two gateways; it is charged once. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expectEqual, type ActFacts, type Narrator } from '../narrator.ts';
import type { Stage } from '../stage.ts';
import type { Order, Reply } from '../till.ts';

const order: Order = { order: 'order-1002', amount: 1250, currency: 'EUR' };
const tills = 200;
// Spread over more than the work takes, so that the first come early and the last come late.
const spacingMs = 3;

type Kind = 'first' | 'replayed' | 'inProgress' | 'other';

/** Storms, and lets everyone who was told to wait ask again. */
export async function storm(stage: Stage, narrator: Narrator): Promise<ActFacts> {
  const replies = await sendAll(stage, narrator);
  const waiting = replies.filter((reply) => kindOf(reply) === 'inProgress').length;
  const counts = countsOf(replies);
  narrator.chart([
    { label: 'first answer', count: counts.first },
    { label: 'replayed', count: counts.replayed },
    { label: 'told: in progress', count: counts.inProgress },
    ...(counts.other > 0 ? [{ label: 'anything else', count: counts.other }] : []),
  ]);
  narrator.say(`The ${waiting} that were told to come back ask once more.`);
  const again = await Promise.all(
    Array.from({ length: waiting }, (_, index) => stage.till.send(gatewayUrl(stage, index), order.order, order)),
  );
  const answers = [...replies, ...again].flatMap((reply) => (reply?.chargeId ? [reply.body] : []));
  return {
    facts: { sent: tills, ...counts, askedAgain: waiting },
    expectations: [
      expectEqual('one request was the first', counts.first, 1),
      expectEqual('nobody got anything but the answer, its replay or "in progress"', counts.other, 0),
      expectEqual('all 200 tills hold an answer', answers.length, tills),
      expectEqual('and it is the same, byte for byte', new Set(answers).size, 1),
      expectEqual('one charge', stage.api.chargesOf(order.order), 1),
    ],
  };
}

async function sendAll(stage: Stage, narrator: Narrator): Promise<(Reply | null)[]> {
  const meter = narrator.meter();
  let answered = 0;
  const sent: Promise<Reply | null>[] = [];
  for (let index = 0; index < tills; index += 1) {
    const reply = stage.till.send(gatewayUrl(stage, index), order.order, order);
    sent.push(
      reply.then((answer) => {
        answered += 1;
        meter.at(answered / tills, `${answered} of ${tills} answered`);
        return answer;
      }),
    );
    await sleep(spacingMs);
  }
  const replies = await Promise.all(sent);
  meter.end();
  return replies;
}

function gatewayUrl(stage: Stage, index: number): string {
  return stage.gateways[index % 2 === 0 ? 0 : 1].url;
}

function countsOf(replies: readonly (Reply | null)[]): Record<Kind, number> {
  const counts: Record<Kind, number> = { first: 0, replayed: 0, inProgress: 0, other: 0 };
  for (const reply of replies) counts[kindOf(reply)] += 1;
  return counts;
}

function kindOf(reply: Reply | null): Kind {
  if (reply?.status === 201) return reply.replayed ? 'replayed' : 'first';
  return reply?.status === 409 && reply.code === 'idempotency_in_progress' ? 'inProgress' : 'other';
}
